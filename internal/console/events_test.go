package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-hub/parley/internal/console"
)

// event is one server-sent event.
type event struct {
	name string
	data struct {
		Chat, ID, After, HTML string
		IDs                   []string
	}
}

// follow opens the stream; next gives the next event of a name and ends the test
// when the stream ends before.
func follow(t *testing.T, h http.Handler) (next func(name string) event, ended func() bool, leave func()) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("%d %s", resp.StatusCode, got)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	read := func() (event, bool) {
		var e event
		for lines.Scan() {
			switch name, value, _ := strings.Cut(lines.Text(), ": "); {
			case name == "event":
				e.name = value
			case name == "data":
				if err := json.Unmarshal([]byte(value), &e.data); err != nil {
					t.Fatal(err)
				}
			case lines.Text() == "" && e.name != "":
				return e, true
			}
		}
		return e, false
	}
	next = func(name string) event {
		t.Helper()
		for {
			e, ok := read()
			if !ok {
				t.Fatalf("the stream ended before %s", name)
			}
			if e.name == name {
				return e
			}
		}
	}
	ended = func() bool {
		for {
			if _, ok := read(); !ok {
				return ctx.Err() == nil
			}
		}
	}
	return next, ended, cancel
}

func TestEvents(t *testing.T) {
	p, j := newPlayground(), newJourneys()
	first := p.put("telegram-ada", console.Bubble{User: "ada", From: "Ada", Runs: plain("before")})
	j.put(answered("t0", morning))
	next, _, _ := follow(t, newConsole(t, console.Options{Playground: p, Journeys: j}))

	if e := next("sync"); e.data.Chat != "telegram-ada" || strings.Join(e.data.IDs, ",") != first {
		t.Errorf("sync %+v", e)
	}
	if e := next("bubble"); e.data.ID != first || !strings.Contains(e.data.HTML, "before") {
		t.Errorf("bubble %+v", e)
	}
	if e := next("path"); e.data.ID != "t0" {
		t.Errorf("path %+v", e)
	}
	if e := next("status"); !strings.Contains(e.data.HTML, "No model connected") {
		t.Errorf("status %+v", e)
	}
	if e := next("health"); e.data.ID != "telegram" || !strings.Contains(e.data.HTML, "up") {
		t.Errorf("health %+v", e)
	}
	if e := next("health"); e.data.ID != "slack" || !strings.Contains(e.data.HTML, "needs human") || !strings.Contains(e.data.HTML, "refused") {
		t.Errorf("health %+v", e)
	}
	next("hub")

	id := p.put("telegram-ben", console.Bubble{Bot: true, Draft: true, Runs: plain("<grows>")})
	if e := next("bubble"); e.data.Chat != "telegram-ben" || e.data.ID != id || !strings.Contains(e.data.HTML, "&lt;grows&gt;") || !strings.Contains(e.data.HTML, "draft") {
		t.Errorf("draft %+v", e)
	}
	p.typing("telegram-ben", true)
	if e := next("typing"); !strings.Contains(e.data.HTML, "Parley is typing") {
		t.Errorf("typing %+v", e)
	}
	p.typing("telegram-ben", false)
	if e := next("typing"); e.data.HTML != "" {
		t.Errorf("typing %+v", e)
	}
	p.remove("telegram-ben", id)
	if e := next("removed"); e.data.Chat != "telegram-ben" || e.data.ID != id {
		t.Errorf("removed %+v", e)
	}
	p.note("slack", console.Note{Text: "it failed"})
	if e := next("notes"); e.data.ID != "slack" || !strings.Contains(e.data.HTML, "it failed") {
		t.Errorf("notes %+v", e)
	}
	j.put(answered("t1", morning))
	if e := next("path"); e.data.ID != "t1" || !strings.Contains(e.data.HTML, "answered") {
		t.Errorf("path %+v", e)
	}
}

// TestNothingIsTold begins a stream where there is nothing to tell of a phone: it says so,
// for the page may show what was true before its last stream ended.
func TestNothingIsTold(t *testing.T) {
	next, _, _ := follow(t, newConsole(t, console.Options{Playground: newPlayground()}))
	for _, name := range []string{"notes", "link"} {
		if e := next(name); e.data.ID != "telegram" || e.data.HTML != "" {
			t.Errorf("%s %+v", name, e)
		}
	}
}

// TestPathsAreGathered puts many steps at once; each path is written with its last.
func TestPathsAreGathered(t *testing.T) {
	j := newJourneys()
	next, _, _ := follow(t, newConsole(t, console.Options{Journeys: j}))
	next("hub")
	whole := answered("t1", morning)
	for n := range whole.Steps {
		grown := whole
		grown.Steps = whole.Steps[:n+1]
		j.put(grown)
	}
	for {
		if e := next("path"); strings.Contains(e.data.HTML, "answered") {
			return
		}
	}
}

func TestStreamEndsWithItsSubscription(t *testing.T) {
	p := newPlayground()
	next, ended, _ := follow(t, newConsole(t, console.Options{Playground: p}))
	next("hub")
	p.cutAll()
	if !ended() {
		t.Error("the stream went on")
	}
}

func TestTooManyStreams(t *testing.T) {
	c := newConsole(t, console.Options{Playground: newPlayground()})
	var leave []func()
	for range 64 {
		next, _, bye := follow(t, c)
		next("status")
		leave = append(leave, bye)
	}
	w := get(t, c, "/events")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for _, bye := range leave {
		bye()
	}
}
