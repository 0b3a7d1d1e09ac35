package whatsapp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/simulators"
	"github.com/parley-hub/parley/simulators/whatsapp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token     = "token"
	appSecret = "secret"
	verify    = "verify me"
	number    = "106540352242922"
	display   = "15550783881"
	ann       = "16505551234"
	bob       = "16505555678"
	wait      = 30 * time.Second
)

// rig is a server behind a real listener, with a number and two people who just wrote.
type rig struct {
	*whatsapp.Server
	t     *testing.T
	clock *simulators.Clock
	url   string
	http  *http.Client
}

func start(t *testing.T, opts whatsapp.Options) *rig {
	t.Helper()
	r := &rig{t: t, clock: simulators.NewClock()}
	if opts.Now == nil {
		opts.Now = r.clock.Now
	}
	if opts.HookRetryBase == 0 {
		opts.HookRetryBase = time.Millisecond
	}
	r.Server = whatsapp.New(opts)
	r.AddNumber(whatsapp.Number{ID: number, Display: display, Name: "Parley", Token: token, AppSecret: appSecret})
	r.AddPerson(whatsapp.Person{ID: ann, Name: "Ann"})
	r.AddPerson(whatsapp.Person{ID: bob, Name: "Bob"})
	r.must(r.OpenWindow("", ann))
	r.must(r.OpenWindow("", bob))
	web := httptest.NewServer(r.Server)
	r.url = web.URL
	transport := &http.Transport{}
	r.http = &http.Client{Transport: transport}
	t.Cleanup(func() {
		r.Close()
		transport.CloseIdleConnections()
		web.Close()
	})
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) wait(cond func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), wait)
	defer cancel()
	r.must(r.Wait(ctx, cond))
}

// answer is what an API call was answered.
type answer struct {
	status int
	header http.Header
	raw    []byte
	Error  struct {
		Code int `json:"code"`
	} `json:"error"`
	Messages []struct {
		ID string `json:"id"`
	} `json:"messages"`
	ID   string `json:"id"`
	URL  string `json:"url"`
	SHA  string `json:"sha256"`
	Size int    `json:"file_size"`
}

// do makes a call; a connection that is cut has status 0.
func (r *rig) do(method, address, bearer, contentType string, body io.Reader) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, address, body)
	r.must(err)
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Content-Type", contentType)
	resp, err := r.http.Do(req)
	if err != nil {
		return answer{}
	}
	defer func() { r.must(resp.Body.Close()) }()
	a := answer{status: resp.StatusCode, header: resp.Header}
	a.raw, err = io.ReadAll(resp.Body)
	r.must(err)
	if json.Valid(a.raw) {
		r.must(json.Unmarshal(a.raw, &a))
	}
	return a
}

func (r *rig) post(body string) answer {
	r.t.Helper()
	return r.do(http.MethodPost, r.url+"/v25.0/"+number+"/messages", token, "application/json", bytes.NewReader([]byte(body)))
}

func (r *rig) get(path string) answer {
	r.t.Helper()
	return r.do(http.MethodGet, r.url+"/v25.0/"+path, token, "", http.NoBody)
}

// text is the body of a text to somebody.
func text(to, words string) string {
	return `{"messaging_product":"whatsapp","recipient_type":"individual","to":"` + to +
		`","type":"text","biz_opaque_callback_data":"o","text":{"body":"` + words + `","preview_url":false}}`
}

// hooked is a webhook that keeps what it is told, as far as it is signed.
type hooked struct {
	t      *testing.T
	server *httptest.Server

	mu     sync.Mutex
	bodies [][]byte
	answer func(body []byte) int
}

func hook(t *testing.T) *hooked {
	t.Helper()
	h := &hooked{t: t, answer: func([]byte) int { return http.StatusOK }}
	h.server = httptest.NewServer(h)
	t.Cleanup(h.server.Close)
	return h
}

func (h *hooked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		q := r.URL.Query()
		if q.Get("hub.mode") != "subscribe" || q.Get("hub.verify_token") != verify {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, q.Get("hub.challenge"))
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		h.t.Error(err)
	}
	if r.Header.Get("X-Hub-Signature-256") != whatsapp.Sign(appSecret, body) {
		h.t.Error("a call is not signed")
	}
	h.mu.Lock()
	status := h.answer(body)
	if status == http.StatusOK {
		h.bodies = append(h.bodies, body)
	}
	h.mu.Unlock()
	w.WriteHeader(status)
}

// told gives the changes that were taken, in order.
func (h *hooked) told() (changes []told) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, body := range h.bodies {
		var n struct {
			Object string
			Entry  []struct{ Changes []told }
		}
		if err := json.Unmarshal(body, &n); err != nil || n.Object != "whatsapp_business_account" {
			h.t.Fatalf("%s: %v", body, err)
		}
		for _, e := range n.Entry {
			changes = append(changes, e.Changes...)
		}
	}
	return changes
}

// told is one change.
type told struct {
	Field string
	Value struct {
		Metadata struct {
			Number string `json:"phone_number_id"`
		}
		Contacts []struct {
			WaID    string `json:"wa_id"`
			Profile struct{ Name string }
		}
		Messages []struct {
			ID, From, Type, Timestamp string
			Text                      struct{ Body string }
			Context                   struct{ From, ID string }
		}
		Statuses []struct {
			ID, Status string
			Opaque     string `json:"biz_opaque_callback_data"`
			Errors     []struct{ Code int }
		}
	}
}

func (h *hooked) texts(from string) (out []string) {
	for _, c := range h.told() {
		for _, m := range c.Value.Messages {
			if m.From == from {
				out = append(out, m.Text.Body)
			}
		}
	}
	return out
}

func (h *hooked) statuses() (out []string) {
	for _, c := range h.told() {
		for _, s := range c.Value.Statuses {
			out = append(out, s.Status)
		}
	}
	return out
}
