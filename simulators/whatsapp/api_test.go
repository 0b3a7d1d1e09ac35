package whatsapp_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/whatsapp"
)

func TestTextIsShownAndReported(t *testing.T) {
	r, h := start(t, whatsapp.Options{}), hook(t)
	r.must(r.SetWebhook(t.Context(), number, h.server.URL, verify))
	a := r.post(text(ann, "hello"))
	if a.status != 200 || len(a.Messages) != 1 || !strings.HasPrefix(a.Messages[0].ID, "wamid.") {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	shown := r.Shown(number, ann)
	if len(shown) != 1 || shown[0].Text != "hello" || !shown[0].ByBot || shown[0].ID != a.Messages[0].ID || len(r.Shown("", bob)) != 0 {
		t.Errorf("shown %+v", shown)
	}
	r.must(r.Read("", ann))
	r.wait(func() bool { return r.Pending("") == 0 })
	if got := h.statuses(); !slices.Equal(got, []string{"sent", "delivered", "read"}) {
		t.Errorf("statuses %v", got)
	}
	for _, c := range h.told() {
		if s := c.Value.Statuses[0]; s.ID != shown[0].ID || s.Opaque != "o" || c.Value.Metadata.Number != number {
			t.Errorf("told %+v", c)
		}
	}
	if calls := r.Calls(); len(calls) != 1 || calls[0].Endpoint != "messages" || calls[0].Status != 200 || calls[0].Person != ann {
		t.Errorf("calls %+v", calls)
	}
}

// The server is strict about what it is sent.
func TestRefusals(t *testing.T) {
	r := start(t, whatsapp.Options{})
	file := r.AddFile("text/plain", "", []byte("x"))
	to := func(rest string) string { return `{"messaging_product":"whatsapp","to":"` + ann + `",` + rest + `}` }
	interactive := func(rest string) string { return to(`"type":"interactive","interactive":{` + rest + `}`) }
	button := func(id, title string) string {
		return fmt.Sprintf(`{"type":"reply","reply":{"id":%q,"title":%q}}`, id, title)
	}
	buttons := func(all ...string) string {
		return interactive(`"type":"button","body":{"text":"x"},"action":{"buttons":[` + strings.Join(all, ",") + `]}`)
	}
	for name, tc := range map[string]struct {
		body string
		code int
	}{
		"no JSON":             {`{`, 100},
		"two bodies":          {to(`"text":{"body":"x"}`) + "{}", 100},
		"unknown field":       {to(`"text":{"body":"x","font":"comic"}`), 100},
		"no product":          {`{"to":"1","text":{"body":"x"}}`, 131008},
		"nobody":              {`{"messaging_product":"whatsapp","type":"text","text":{"body":"x"}}`, 131008},
		"a stranger":          {text("49", "x"), 131030},
		"no content":          {to(`"type":"text"`), 131008},
		"another content":     {to(`"type":"image","text":{"body":"x"}`), 131008},
		"two contents":        {to(`"type":"text","text":{"body":"x"},"location":{"latitude":1,"longitude":1}`), 100},
		"blank":               {text(ann, "  "), 131008},
		"too long":            {text(ann, strings.Repeat("é", 4097)), 100},
		"opaque too long":     {to(`"biz_opaque_callback_data":"` + strings.Repeat("o", 513) + `","text":{"body":"x"}`), 131009},
		"quote of nothing":    {to(`"context":{"message_id":"wamid.0"},"text":{"body":"x"}`), 131009},
		"unknown file":        {to(`"type":"image","image":{"id":"7"}`), 131009},
		"another kind":        {to(`"type":"image","image":{"id":"` + file + `"}`), 131009},
		"captioned audio":     {to(`"type":"audio","audio":{"id":"` + file + `","caption":"x"}`), 100},
		"off the map":         {to(`"type":"location","location":{"latitude":91,"longitude":1}`), 131009},
		"nameless card":       {to(`"type":"contacts","contacts":[{"name":{}}]`), 131008},
		"no buttons":          {buttons(), 100},
		"four buttons":        {buttons(button("1", "a"), button("2", "b"), button("3", "c"), button("4", "d")), 100},
		"long title":          {buttons(button("1", strings.Repeat("a", 21))), 100},
		"two of a title":      {buttons(button("1", "a"), button("2", "a")), 100},
		"two of an id":        {buttons(button("1", "a"), button("1", "b")), 100},
		"no words":            {interactive(`"type":"button","action":{"buttons":[` + button("1", "a") + `]}`), 131008},
		"list without rows":   {interactive(`"type":"list","body":{"text":"x"},"action":{"button":"x","sections":[]}`), 100},
		"list without label":  {interactive(`"type":"list","body":{"text":"x"},"action":{"sections":[{"rows":[{"id":"1","title":"a"}]}]}`), 100},
		"unknown template":    {to(`"type":"template","template":{"name":"x","language":{"code":"en"}}`), 132001},
		"reaction to nothing": {to(`"type":"reaction","reaction":{"message_id":"wamid.0","emoji":"x"}`), 131009},
		"read of nothing":     {`{"messaging_product":"whatsapp","status":"read","message_id":"wamid.0"}`, 100},
	} {
		t.Run(name, func(t *testing.T) {
			if a := r.post(tc.body); a.status/100 != 4 || a.Error.Code != tc.code {
				t.Errorf("%d %s", a.status, a.raw)
			}
		})
	}
	if n := len(r.Shown("", ann)); n != 0 {
		t.Errorf("%d messages stand", n)
	}
	if a := r.post(text(ann, strings.Repeat("é", 4096))); a.status != 200 {
		t.Errorf("the longest text: %s", a.raw)
	}
}

func TestTokenAndPath(t *testing.T) {
	r := start(t, whatsapp.Options{})
	if a := r.get(number); a.status != 200 || a.ID != number {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := r.do(http.MethodGet, r.url+"/v25.0/"+number, "guess", "", http.NoBody); a.status != 401 || a.Error.Code != 190 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	for _, path := range []string{"/v25.0/1/messages", "/v25.0/" + number + "/messages/x", "/" + number, "/", "/latest/" + number} {
		if a := r.do(http.MethodPost, r.url+path, token, "application/json", strings.NewReader(text(ann, "x"))); a.status/100 != 4 || a.Error.Code == 0 {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
}

func TestWindow(t *testing.T) {
	r := start(t, whatsapp.Options{})
	r.must(r.AddTemplate("", "hello", "en_US"))
	r.clock.Add(25 * time.Hour)
	if a := r.post(text(ann, "late")); a.Error.Code != 131047 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	template := `{"messaging_product":"whatsapp","to":"` + ann + `","type":"template","template":{"name":"hello","language":{"code":"en_US"}}}`
	if a := r.post(template); a.status != 200 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if _, err := r.Say("", ann, "yes?"); err != nil {
		t.Fatal(err)
	}
	if a := r.post(text(ann, "in time")); a.status != 200 {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestLateWindowFailsByStatus(t *testing.T) {
	r, h := start(t, whatsapp.Options{LateWindow: true}), hook(t)
	r.must(r.SetWebhook(t.Context(), "", h.server.URL, verify))
	r.clock.Add(25 * time.Hour)
	if a := r.post(text(ann, "late")); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	r.wait(func() bool { return r.Pending("") == 0 })
	c := h.told()
	if len(c) != 1 || c[0].Value.Statuses[0].Status != "failed" || c[0].Value.Statuses[0].Errors[0].Code != 131047 {
		t.Errorf("told %+v", c)
	}
}

func TestLimits(t *testing.T) {
	r := start(t, whatsapp.Options{Limits: whatsapp.Limits{PerSecond: 3, PairEvery: 6 * time.Second, PairBurst: 2}})
	codes := func(to ...string) (out []int) {
		for _, person := range to {
			out = append(out, r.post(text(person, "x")).Error.Code)
		}
		return out
	}
	if got := codes(ann, ann, ann, bob, bob); !slices.Equal(got, []int{0, 0, 131056, 0, 130429}) {
		t.Errorf("codes %v", got)
	}
	r.clock.Add(6 * time.Second)
	if got := codes(ann, ann); !slices.Equal(got, []int{0, 131056}) {
		t.Errorf("six seconds later: codes %v", got)
	}
}

func TestFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		fault        whatsapp.Fault
		status, code int
		stands       bool
	}{
		"rate limit":  {whatsapp.Fault{Kind: whatsapp.FaultRateLimit, RetryAfter: 7}, 400, 130429, false},
		"error":       {whatsapp.Fault{Kind: whatsapp.FaultError, Status: 503, Code: 131016}, 503, 131016, false},
		"bad gateway": {whatsapp.Fault{Kind: whatsapp.FaultBadGateway}, 502, 0, false},
		"drop before": {whatsapp.Fault{Kind: whatsapp.FaultDropBefore}, 0, 0, false},
		"drop after":  {whatsapp.Fault{Kind: whatsapp.FaultDropAfter}, 0, 0, true},
		"delay":       {whatsapp.Fault{Kind: whatsapp.FaultDelay, Delay: time.Millisecond}, 200, 0, true},
		"fail later":  {whatsapp.Fault{Kind: whatsapp.FaultFailLater, Code: 131026}, 200, 0, true},
		"another one": {whatsapp.Fault{Kind: whatsapp.FaultError, Status: 500, Person: bob}, 200, 0, true},
		"the next":    {whatsapp.Fault{Kind: whatsapp.FaultError, Status: 500, Skip: 1}, 200, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, whatsapp.Options{})
			r.Inject(tc.fault)
			a := r.post(text(ann, "x"))
			if a.status != tc.status || a.Error.Code != tc.code {
				t.Errorf("%d %s", a.status, a.raw)
			}
			if tc.fault.RetryAfter > 0 && a.header.Get("Retry-After") != "7" {
				t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
			}
			if got := len(r.Shown("", ann)) == 1; got != tc.stands {
				t.Errorf("stands: %v", got)
			}
		})
	}
}

func TestMedia(t *testing.T) {
	r := start(t, whatsapp.Options{})
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	r.must(w.WriteField("messaging_product", "whatsapp"))
	r.must(w.WriteField("type", "image/png"))
	part, err := w.CreateFormFile("file", "a.png")
	r.must(err)
	_, err = part.Write([]byte("picture"))
	r.must(err)
	r.must(w.Close())
	up := r.do(http.MethodPost, r.url+"/v25.0/"+number+"/media", token, w.FormDataContentType(), &form)
	if up.status != 200 || up.ID == "" {
		t.Fatalf("%d %s", up.status, up.raw)
	}
	info := r.get(up.ID)
	sum := sha256.Sum256([]byte("picture"))
	if info.Size != 7 || info.SHA != hex.EncodeToString(sum[:]) {
		t.Fatalf("%s", info.raw)
	}
	if a := r.do(http.MethodGet, info.URL, token, "", http.NoBody); string(a.raw) != "picture" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := r.do(http.MethodGet, info.URL, "guess", "", http.NoBody); a.status != 401 {
		t.Errorf("without the token: %d", a.status)
	}
	r.clock.Add(6 * time.Minute)
	if a := r.do(http.MethodGet, info.URL, token, "", http.NoBody); a.status != 404 {
		t.Errorf("after six minutes: %d", a.status)
	}
	if a := r.do(http.MethodDelete, r.url+"/v25.0/"+up.ID, token, "", http.NoBody); a.status != 200 {
		t.Errorf("delete: %d %s", a.status, a.raw)
	}
	if a := r.get(up.ID); a.Error.Code != 100 {
		t.Errorf("deleted: %d %s", a.status, a.raw)
	}
}

func TestFilesAndChatsAreBounded(t *testing.T) {
	r := start(t, whatsapp.Options{MaxFileBytes: 10, MaxMessages: 3, MaxCalls: 2, MaxEvents: 2, MaxPending: 2})
	old := r.AddFile("image/png", "", []byte("12345678"))
	r.AddFile("image/png", "", []byte("12345678"))
	if a := r.get(old); a.Error.Code != 100 {
		t.Errorf("the oldest file is there: %s", a.raw)
	}
	for i := range 5 {
		r.post(text(ann, fmt.Sprint(i)))
	}
	if shown := r.Shown("", ann); len(shown) != 3 || shown[0].Text != "2" {
		t.Errorf("shown %+v", shown)
	}
	if len(r.Calls()) != 2 || len(r.Events(0)) != 2 || r.Pending("") != 2 {
		t.Errorf("%d calls, %d events, %d pending", len(r.Calls()), len(r.Events(0)), r.Pending(""))
	}
}

func TestSubscribe(t *testing.T) {
	r := start(t, whatsapp.Options{})
	sub := r.Subscribe(1)
	if _, err := r.Say("", ann, "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Say("", ann, "two"); err != nil {
		t.Fatal(err)
	}
	if e := <-sub.C; e.Kind != whatsapp.EventMessage || e.Message.Text != "one" || e.Person != ann {
		t.Errorf("%+v", e)
	}
	if sub.Lost() != 1 {
		t.Errorf("lost %d", sub.Lost())
	}
	sub.Close()
	sub.Close()
	if _, open := <-sub.C; open {
		t.Error("still open")
	}
}

func FuzzSend(f *testing.F) {
	f.Add([]byte(text(ann, "x")))
	f.Add([]byte(`{"messaging_product":"whatsapp","to":"` + ann + `","type":"interactive","interactive":{"type":"list","body":{"text":"x"},"action":{"button":"b","sections":[{"rows":[{"id":"1","title":"a"}]}]}}}`))
	f.Add([]byte(`{"messaging_product":"whatsapp","status":"read","message_id":"x","typing_indicator":{"type":"text"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := whatsapp.New(whatsapp.Options{NoStatuses: true})
		defer s.Close()
		s.AddNumber(whatsapp.Number{ID: "1", Token: token})
		s.AddPerson(whatsapp.Person{ID: ann})
		if err := s.OpenWindow("", ann); err != nil {
			t.Fatal(err)
		}
		w := newRecorder()
		s.ServeHTTP(w, newRequest(t, body))
		if !json.Valid(w.Body.Bytes()) || (w.Code == 200) != (len(s.Shown("", ann)) == 1) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
