package console_test

import (
	"errors"
	"io"
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
			"<title>Playground · Parley</title>", "No model connected", "http://localhost:11434/v1", `id="chat-team"`,
			"<strong>Quite a bit.</strong>", "<figcaption>sh</figcaption>", "<blockquote>", `class="spoiler"`, "<s>risotto</s>",
			`<a href="https://example.org/docs" target="_blank" rel="noopener noreferrer">documentation</a>`,
			`formaction="/press?bubble=4&amp;chat=ada&amp;data=1"`, "worker gpu-a", "rule private", "836 ms", "buried",
		}, []string{"<script>", "style=", "onclick"}},
		{"overview beside a playground", "/overview", full, []string{"<title>Overview · Parley</title>", `href="/"`, "No account is configured."}, nil},
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
	if w := post(t, bare, "/say", "", url.Values{"chat": {"ada"}}); w.Code == http.StatusNoContent || w.Code == http.StatusSeeOther {
		t.Errorf("a hub without a playground took a form: %d", w.Code)
	}
	if w := get(t, full, "/say"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET /say: %d", w.Code)
	}
}

func TestAssets(t *testing.T) {
	c := newConsole(t, console.Options{Playground: newPlayground()})
	page := get(t, c, "/").Body.String()
	for name, kind := range map[string]string{"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"} {
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
		p.put("ada", console.Bubble{
			From: evil, Bot: true, ReplyTo: &console.Quote{ID: evil, From: evil, Text: evil},
			Runs:    []console.Run{{Text: evil}, {Text: evil, Link: link}, {Text: evil, Style: console.Style{Pre: true, Language: evil}}},
			Buttons: [][]console.Button{{{Label: evil, Data: evil}, {Label: evil, URL: link}}},
		})
	}
	j.put(console.Journey{Trace: "t", Account: evil, Kind: evil, Steps: []console.Step{{Stage: evil, At: morning, Rule: evil, Skill: evil, Worker: evil, Model: evil, Fault: evil}}})
	c := newConsole(t, console.Options{Playground: p, Journeys: j, Status: func() console.Overview {
		return console.Overview{Version: evil, Connect: evil, Problems: []string{evil}, Accounts: []console.Account{{Name: evil, Platform: evil, State: evil, Webhook: evil}}}
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
		{name: "private", form: url.Values{"chat": {"ada"}, "as": {"ada"}, "text": {"hi"}}, code: http.StatusSeeOther, said: "hi"},
		{name: "line ends", form: url.Values{"chat": {"ada"}, "as": {"ada"}, "text": {"a\r\nb"}}, code: http.StatusSeeOther, said: "a\nb"},
		{name: "longest", form: url.Values{"chat": {"ada"}, "as": {"ada"}, "text": {long[2:]}}, code: http.StatusSeeOther, said: long[2:]},
		{name: "too long", form: url.Values{"chat": {"ada"}, "as": {"ada"}, "text": {long}}, code: http.StatusUnprocessableEntity, told: "too long"},
		{name: "far too long", form: url.Values{"chat": {"ada"}, "as": {"ada"}, "text": {strings.Repeat("x", 100<<10)}}, code: http.StatusRequestEntityTooLarge, told: "too long"},
		{name: "empty", form: url.Values{"chat": {"ada"}, "as": {"ada"}, "text": {" \n"}}, code: http.StatusUnprocessableEntity, told: "Write something"},
		{name: "no such chat", form: url.Values{"chat": {"x"}, "as": {"ada"}, "text": {"hi"}}, code: http.StatusNotFound, told: "no such chat"},
		{name: "not a speaker", form: url.Values{"chat": {"ada"}, "as": {"ben"}, "text": {"hi"}}, code: http.StatusUnprocessableEntity, told: "Nobody of that name"},
		{
			name: "busy", form: url.Values{"chat": {"ada"}, "as": {"ada"}, "text": {"hi"}}, code: http.StatusServiceUnavailable, told: "Full just now. Reference abc.",
			fail: fault.New(fault.Retryable, "say", errors.New("inside"), fault.WithPublic("Full just now."), fault.WithRef("abc")),
		},
		{name: "broken", form: url.Values{"chat": {"ada"}, "as": {"ada"}, "text": {"hi"}}, code: http.StatusInternalServerError, told: "That did not work. Reference ", fail: errors.New("inside")},
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
			var said string
			if b := p.Transcript("ada"); len(b) > 0 {
				said = b[0].Runs[0].Text
			}
			if said != c.said {
				t.Errorf("said %q, want %q", said, c.said)
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
	w := post(t, c, "/say", "text/html", url.Values{"chat": {"team"}, "as": {"ben"}, "text": {"hello all"}})
	if got := w.Header().Get("Location"); got != "/?as=ben#chat-team" {
		t.Fatalf("sent on to %q", got)
	}
	body := get(t, c, "/?as=ben").Body.String()
	if !strings.Contains(body, "hello all") || !strings.Contains(body, `value="ben" checked`) {
		t.Error("the message or the choice of the speaker is lost")
	}
	p.fail = errors.New("no")
	if body := post(t, c, "/say", "text/html", url.Values{"chat": {"team"}, "as": {"ben"}, "text": {"kept"}}).Body.String(); !strings.Contains(body, ">kept</textarea>") {
		t.Error("what was typed is lost with the error")
	}
}

func TestPress(t *testing.T) {
	p := newPlayground()
	c := newConsole(t, console.Options{Playground: p})
	w := post(t, c, "/press?chat=team&bubble=7&data=a%26b", "text/html", url.Values{"chat": {"team"}, "as": {"ben"}, "text": {"half written"}})
	if w.Code != http.StatusSeeOther {
		t.Fatal(w.Code)
	}
	if got, want := strings.Join(p.pressed(), ";"), "team|7|ben|a&b"; got != want {
		t.Errorf("pressed %q, want %q", got, want)
	}
	if n := len(p.Transcript("team")); n != 0 {
		t.Error("a press also said something")
	}
}

func TestBrokenForm(t *testing.T) {
	c := newConsole(t, console.Options{Playground: newPlayground()})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/say", io.NopCloser(strings.NewReader("chat=%zz")))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Error(w.Code)
	}
}
