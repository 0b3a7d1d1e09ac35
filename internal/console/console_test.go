package console_test

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/console"
)

func get(t *testing.T, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	return w
}

func post(t *testing.T, h http.Handler, target, accept string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	p, j := newPlayground(), newJourneys()
	furnish(p, j)
	full := newConsole(t, console.Options{Playground: p, Journeys: j})
	bare := newConsole(t, console.Options{Status: hub})
	for _, c := range []struct {
		name, path string
		h          http.Handler
		want       []string
		not        []string
	}{
		{"playground", "/", full, []string{
			"<title>Playground · Parley</title>", "No model connected", "http://localhost:11434/v1", `id="chat-discord-group"`,
			"<strong>Quite a bit.</strong>", "<figcaption>sh</figcaption>", "<blockquote>", `class="spoiler"`, "<s>risotto</s>",
			`<a href="https://example.org/docs" target="_blank" rel="noopener noreferrer">documentation</a>`,
			`formaction="/press?bubble=4&amp;data=1"`, `<audio controls`, `<img src="/files/telegram/picture"`, "worker gpu-a", "rule private", "836 ms", "buried",
		}, []string{"<script>", "style=", "onclick"}},
		{"overview beside a playground", "/overview", full, []string{"<title>Overview · Parley</title>", `href="/"`, "connection refused"}, nil},
		{"overview first", "/", bare, []string{
			"https://bot.example.org/webhooks/support", "needs human", "the token was refused", "llama-3.3, 1 of 2 workers", "gpu-b", "Not ready: 1", "2 min",
		}, []string{"No model connected", ">Playground<", "<script>"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := get(t, c.h, c.path)
			if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
				t.Fatalf("%d %s", w.Code, w.Header())
			}
			for _, want := range c.want {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("lacks %q", want)
				}
			}
			for _, not := range c.not {
				if strings.Contains(w.Body.String(), not) {
					t.Errorf("holds %q", not)
				}
			}
		})
	}
}

func TestUnknownPaths(t *testing.T) {
	full := newConsole(t, console.Options{Playground: newPlayground()})
	bare := newConsole(t, console.Options{})
	for path, h := range map[string]http.Handler{"/nothing": full, "/static/": full, "/static/nothing.js": full, "/say/more": bare} {
		if w := get(t, h, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := post(t, bare, "/say", "", said("telegram", "private", "ada", "hi")); w.Code == http.StatusNoContent || w.Code == http.StatusSeeOther {
		t.Errorf("a hub without a playground took a form: %d", w.Code)
	}
	if w := get(t, full, "/say"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET /say: %d", w.Code)
	}
}

func TestAssets(t *testing.T) {
	c := newConsole(t, console.Options{Playground: newPlayground()})
	page := get(t, c, "/").Body.String()
	for name, kind := range map[string]string{"console.css": "text/css", "phones.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"} {
		_, rest, found := strings.Cut(page, `"/static/`+name+"?v=")
		if !found {
			t.Errorf("the page does not use %s", name)
			continue
		}
		version, _, _ := strings.Cut(rest, `"`)
		w := get(t, c, "/static/"+name+"?v="+version)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) || w.Body.Len() == 0 {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("Content-Type"))
		}
		if !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s may not be kept: %s", name, w.Header().Get("Cache-Control"))
		}
	}
}

// TestEscaping puts markup everywhere a person, a model or a platform can write.
func TestEscaping(t *testing.T) {
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`
	p, j := newPlayground(), newJourneys()
	for _, link := range []string{"javascript:alert(1)", "data:text/html,x", " javascript:alert(1)", evil, "//example.org"} {
		p.put("telegram-ada", console.Bubble{
			From: evil, Bot: true, ReplyTo: &console.Quote{ID: evil, From: evil, Text: evil},
			Runs:    []console.Run{{Text: evil}, {Text: evil, Link: link}, {Text: evil, Style: console.Style{Pre: true, Language: evil}}},
			Buttons: [][]console.Button{{{Label: evil, Data: evil}, {Label: evil, URL: link}}},
			Above:   evil, Files: []console.File{{ID: evil, Name: evil, Kind: "image"}, {ID: evil, Name: evil, Kind: "file"}}, Reactions: []console.Reaction{{Emoji: evil, Count: 1}},
			Menu: &console.Menu{Label: evil, Rows: []console.Button{{Label: evil, About: evil, Data: evil}}},
		})
	}
	p.note("slack", console.Note{Text: evil})
	j.put(console.Journey{Trace: "t", Account: evil, Kind: evil, Steps: []console.Step{{Stage: evil, At: morning, Rule: evil, Skill: evil, Worker: evil, Model: evil, Fault: evil}}})
	c := newConsole(t, console.Options{Playground: p, Journeys: j, Status: func() console.Overview {
		return console.Overview{Version: evil, Connect: evil, Problems: []string{evil}, Accounts: []console.Account{{Name: evil, Platform: evil, State: evil, Webhook: evil}, {Name: "slack", State: evil, Detail: evil}}}
	}})
	for _, path := range []string{"/", "/overview"} {
		body := get(t, c, path).Body.String()
		for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript:`, `href=" javascript:`, `href="data:`, `href="//`} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
	}
}

// said is the form of a composer.
func said(phone, place, as, text string) url.Values {
	return url.Values{"phone": {phone}, "place": {place}, "as": {as}, "text": {text}}
}

func TestSay(t *testing.T) {
	long := strings.Repeat("ä", 4097)
	for _, c := range []struct {
		name string
		form url.Values
		fail error
		code int
		said string
		told string
	}{
		{name: "private", form: said("slack", "private", "ada", "hi"), code: http.StatusSeeOther, said: "say slack-ada ada hi"},
		{name: "in the group", form: said("slack", "group", "ben", "hi"), code: http.StatusSeeOther, said: "say slack-group ben hi"},
		{name: "line ends", form: said("slack", "private", "ada", "a\r\nb"), code: http.StatusSeeOther, said: "say slack-ada ada a\nb"},
		{name: "longest", form: said("slack", "private", "ada", long[2:]), code: http.StatusSeeOther, said: "say slack-ada ada " + long[2:]},
		{name: "too long", form: said("slack", "private", "ada", long), code: http.StatusUnprocessableEntity, told: "too long"},
		{name: "far too long", form: said("slack", "private", "ada", strings.Repeat("x", 100<<10)), code: http.StatusRequestEntityTooLarge, told: "too long"},
		{name: "empty", form: said("slack", "private", "ada", " \n"), code: http.StatusUnprocessableEntity, told: "Write something"},
		{name: "no such phone", form: said("x", "private", "ada", "hi"), code: http.StatusNotFound, told: "no such phone"},
		{name: "no such place", form: said("whatsapp", "group", "ada", "hi"), code: http.StatusNotFound, told: "no such chat"},
		{name: "nobody", form: said("slack", "private", "eve", "hi"), code: http.StatusUnprocessableEntity, told: "Nobody of that name"},
		{
			name: "busy", form: said("slack", "private", "ada", "hi"), code: http.StatusServiceUnavailable, told: "Full just now. Reference abc.",
			fail: fault.New(fault.Retryable, "say", errors.New("inside"), fault.WithPublic("Full just now."), fault.WithRef("abc")),
		},
		{name: "broken", form: said("slack", "private", "ada", "hi"), code: http.StatusInternalServerError, told: "That did not work. Reference ", fail: errors.New("inside")},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlayground()
			p.fail = c.fail
			h := newConsole(t, console.Options{Playground: p})
			w := post(t, h, "/say", "text/html", c.form)
			if w.Code != c.code {
				t.Fatalf("%d, want %d", w.Code, c.code)
			}
			if c.told != "" && (!strings.Contains(w.Body.String(), c.told) || strings.Contains(w.Body.String(), "inside")) {
				t.Errorf("the page does not say %q, or says too much", c.told)
			}
			if got := strings.Join(p.did(), ";"); got != c.said {
				t.Errorf("done %q, want %q", got, c.said)
			}
			byScript := post(t, h, "/say", "text/plain", c.form)
			if want := map[bool]int{true: http.StatusNoContent, false: c.code}[c.code == http.StatusSeeOther]; byScript.Code != want {
				t.Errorf("to the script %d, want %d", byScript.Code, want)
			}
			if strings.Contains(byScript.Body.String(), "<html") {
				t.Error("the script got a page")
			}
		})
	}
}

// TestWithoutScript sends and reads with forms alone.
func TestWithoutScript(t *testing.T) {
	p := newPlayground()
	c := newConsole(t, console.Options{Playground: p})
	w := post(t, c, "/say", "text/html", said("discord", "group", "ben", "hello all"))
	if got := w.Header().Get("Location"); got != "/?as=ben&phone=discord&place=group#phone-discord" {
		t.Fatalf("sent on to %q", got)
	}
	body := get(t, c, "/?as=ben&phone=discord&place=group").Body.String()
	for _, want := range []string{
		"hello all", `value="ben" class="who-1" form="composer-discord" checked`, `value="group" class="place-1" form="composer-discord" checked`,
		`value="private" class="place-0" form="composer-slack" checked`, `name="shown" value="discord" class="tab-3" checked`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	p.fail = errors.New("no")
	if body := post(t, c, "/say", "text/html", said("discord", "group", "ben", "kept")).Body.String(); strings.Count(body, ">kept</textarea>") != 1 {
		t.Error("what was typed is lost with the error, or everywhere")
	}
	p.fail = nil
	p.forget()
	w = post(t, c, "/trouble", "text/html", url.Values{"fault": {"restart"}})
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Refresh"), "3;") || strings.Join(p.did(), ";") != "fail hub restart" {
		t.Errorf("restart: %d, %v, %v", w.Code, w.Header(), p.did())
	}
}

// TestLinking links a phone that shares its place with another, with forms alone.
func TestLinking(t *testing.T) {
	p := newPlayground()
	p.linked = true
	p.link("fax", &console.Linking{Problem: "Too late."})
	c := newConsole(t, console.Options{Playground: p})
	page := func() string { return get(t, c, "/?phone=fax&place=private&as=ada").Body.String() }
	body := page()
	for _, want := range []string{
		"Too late.", `formaction="/pair"`, "Unofficial.", `<section class="phone whatsapp" id="phone-fax"`, "on 4 simulated phones",
		`value="fax" class="mode-1" checked`, `name="shown" value="whatsapp" class="tab-2" checked`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	form := url.Values{"phone": {"fax"}, "place": {"private"}, "as": {"ada"}}
	if w := post(t, c, "/pair", "text/html", form); w.Code != http.StatusSeeOther {
		t.Errorf("pair: %d", w.Code)
	}
	// The smallest code has 21 modules on a side; it begins with the corner's dark row of seven.
	if body = page(); !strings.Contains(body, `viewBox="0 0 29 29"`) || !strings.Contains(body, `d="M4 4h7v1h-7z`) || !strings.Contains(body, `formaction="/scan"`) {
		t.Error("no code is shown")
	}
	if w := post(t, c, "/scan", "text/plain", form); w.Code != http.StatusNoContent {
		t.Errorf("scan: %d", w.Code)
	}
	if body = page(); strings.Contains(body, "<svg class=\"qr\"") || !strings.Contains(body, `id="link-fax" role="status"></div>`) {
		t.Error("it is linked, and the page still shows how")
	}
	p.link("fax", &console.Linking{Code: strings.Repeat("x", 4000)})
	if !strings.Contains(page(), "too long to be drawn") {
		t.Error("a code that cannot be drawn")
	}
	if got := strings.Join(p.did(), ";"); got != "pair fax;scan fax" {
		t.Errorf("done %q", got)
	}
}

// TestDeeds does all that is neither said nor a restart.
func TestDeeds(t *testing.T) {
	form := said("slack", "group", "ben", "half written")
	for _, c := range []struct {
		target string
		code   int
		want   string
	}{
		{"/press?bubble=7&data=a%26b", http.StatusNoContent, "press slack-group 7 ben a&b"},
		{"/react?bubble=7&emoji=%F0%9F%91%8D", http.StatusNoContent, "react slack-group 7 ben 👍"},
		{"/react?bubble=7", http.StatusUnprocessableEntity, ""},
		{"/react?bubble=7&emoji=%ff", http.StatusUnprocessableEntity, ""},
		{"/fail?fault=busy", http.StatusNoContent, "fail slack busy"},
		{"/fail?fault=fire", http.StatusNotFound, ""},
		{"/trouble?fault=out", http.StatusNoContent, "fail hub out"},
		{"/trouble?fault=fire", http.StatusNotFound, ""},
		{"/say?text=%2Ftour", http.StatusNoContent, "say slack-group ben /tour"},
		{"/say?sample=picture", http.StatusNoContent, "say slack-group ben half written image/png"},
		{"/say?sample=voice", http.StatusNoContent, "say slack-group ben half written audio/ogg"},
		{"/say?sample=song", http.StatusNotFound, ""},
	} {
		p := newPlayground()
		w := post(t, newConsole(t, console.Options{Playground: p}), c.target, "text/plain", form)
		if got := strings.Join(p.did(), ";"); w.Code != c.code || got != c.want {
			t.Errorf("%s: %d, did %q", c.target, w.Code, got)
		}
	}
}

// TestUploads sends files: their type is what their bytes say.
func TestUploads(t *testing.T) {
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 100)
	for _, c := range []struct {
		name, data string
		code       int
		want       string
	}{
		{"a.png", png, http.StatusNoContent, "say slack-ada ada words image/png"},
		{"a.txt", png, http.StatusNoContent, "say slack-ada ada words image/png"},
		{"v.ogg", "OggS\x00" + strings.Repeat("x", 100), http.StatusNoContent, "say slack-ada ada words audio/ogg"},
		{"a.wav", "RIFF....WAVE" + strings.Repeat("x", 100), http.StatusNoContent, "say slack-ada ada words audio/wav"},
		{"a.pdf", "%PDF-1.7", http.StatusNoContent, "say slack-ada ada words application/pdf"},
		{"a.png", "<html><script>alert(1)</script>", http.StatusUnprocessableEntity, ""},
		{"a.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", http.StatusUnprocessableEntity, ""},
		{"nothing", "", http.StatusNoContent, "say slack-ada ada words"},
		{"huge.png", png + strings.Repeat("x", 5<<20), http.StatusUnprocessableEntity, ""},
		{"endless.png", png + strings.Repeat("x", 6<<20), http.StatusRequestEntityTooLarge, ""},
	} {
		p := newPlayground()
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for key, v := range said("slack", "private", "ada", "words") {
			if err := form.WriteField(key, v[0]); err != nil {
				t.Fatal(err)
			}
		}
		part, err := form.CreateFormFile("file", c.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, c.data); err != nil {
			t.Fatal(err)
		}
		if err := form.Close(); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/say", &body)
		r.Header.Set("Content-Type", form.FormDataContentType())
		r.Header.Set("Accept", "text/plain")
		w := httptest.NewRecorder()
		newConsole(t, console.Options{Playground: p}).ServeHTTP(w, r)
		if got := strings.Join(p.did(), ";"); w.Code != c.code || got != c.want {
			t.Errorf("%s of %d bytes: %d, did %q", c.name, len(c.data), w.Code, got)
		}
	}
}

// TestFiles serves files out of phones: only what browsers show safely is shown.
func TestFiles(t *testing.T) {
	p := newPlayground()
	c := newConsole(t, console.Options{Playground: p})
	for id, f := range map[string]struct{ data, kind, attached string }{
		"picture": {"\x89PNG\r\n\x1a\nx", "image/png", ""},
		"voice":   {"OggS\x00xxx", "audio/ogg", ""},
		"page":    {"<html><script>alert(1)</script>", "application/octet-stream", "attachment"},
		"paper":   {"%PDF-1.7", "application/octet-stream", "attachment"},
	} {
		p.files[id] = []byte(f.data)
		w := get(t, c, "/files/slack/"+id)
		h := w.Header()
		if w.Body.String() != f.data || h.Get("Content-Type") != f.kind || h.Get("Content-Disposition") != f.attached || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", id, w.Code, h)
		}
	}
	if w := get(t, c, "/files/slack/nothing"); w.Code != http.StatusNotFound {
		t.Error(w.Code)
	}
}

func TestBrokenForm(t *testing.T) {
	c := newConsole(t, console.Options{Playground: newPlayground()})
	for _, kind := range []string{"application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/say", io.NopCloser(strings.NewReader("chat=%zz")))
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", kind, w.Code)
		}
	}
}
