package simulators_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/parley-hub/parley/simulators"
)

// rig is a control API on loopback.
type rig struct {
	*testing.T
	base   string
	client *http.Client
}

func serve(t *testing.T, h http.Handler) rig {
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return rig{t, web.URL, web.Client()}
}

// ask makes a call and gives its status and body, "" for a connection that was cut.
func (r rig) ask(method, path, body string) string {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, r.base+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }() // read whole or reported
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", string(data))
}

func (r rig) wants(method, path, body, want string) {
	r.Helper()
	if got := r.ask(method, path, body); got != want {
		r.Errorf("%s %s %s: got %q, want %q", method, path, body, got, want)
	}
}

func TestControl(t *testing.T) {
	c := &simulators.Control{}
	simulators.Act(c, "odd", func(in struct {
		N int `json:"n"`
	}) error {
		if in.N%2 == 0 {
			return fmt.Errorf("%d is even", in.N)
		}
		return nil
	})
	simulators.Post(c, "twice", func(n int) (int, error) { return 2 * n, nil })
	c.Get("number", func(r *http.Request) any { return simulators.Number(r, "n") })
	r := serve(t, c)
	r.wants("POST", "/control/odd", `{"n":3}`, `200 {}`)
	r.wants("POST", "/control/odd", `{"n":4}`, `400 {"error":"4 is even"}`)
	r.wants("POST", "/control/odd", `{"m":4}`, `400 {"error":"json: unknown field \"m\""}`)
	r.wants("POST", "/control/twice", `21`, `200 42`)
	r.wants("GET", "/control/number?n=-7", "", `200 -7`)
	r.wants("GET", "/control/number?n=x", "", `200 0`)
}

func TestControlWatches(t *testing.T) {
	f := newFeed(9, 9)
	c := &simulators.Control{}
	simulators.Watch(c, f.Transcript)
	r := serve(t, c)
	r.wants("GET", "/control/calls", "", `200 []`)
	r.wants("GET", "/control/events", "", `200 []`)
	f.Publish(same)
	f.Publish(same)
	f.Record(same)
	r.wants("GET", "/control/calls", "", `200 [1]`)
	r.wants("GET", "/control/events?after=1&timeout=60", "", `200 [2]`)
	told := make(chan string, 1)
	go func() { told <- r.ask("GET", "/control/events?after=2&timeout=60", "") }()
	f.Publish(same)
	if got := <-told; got != `200 [3]` {
		t.Errorf("got %q", got)
	}
}

func TestControlFaults(t *testing.T) {
	s := newScript(newFeed(0, 0))
	var last *simulators.Injected[string]
	c := &simulators.Control{}
	simulators.Faults(c, func(name string) *simulators.Injected[string] {
		last = s.Add(name, 0, -1)
		return last
	})
	r := serve(t, c)
	r.wants("POST", "/control/faults", `"slow"`, `200 {"id":1,"hits":0}`)
	taken(s, 3)
	r.wants("GET", "/control/faults/1", "", `200 {"id":1,"hits":3}`)
	r.wants("GET", "/control/faults/2", "", `400 {"error":"no such fault"}`)
	r.wants("GET", "/control/faults/x", "", `400 {"error":"no such fault"}`)
	r.wants("POST", "/control/faults/1/release", "", `200 {"id":1,"hits":3}`)
	if !last.Hold(t.Context(), 0) {
		t.Error("not released")
	}
	r.wants("DELETE", "/control/faults/1", "", `200 {"id":1,"hits":3}`)
	if got := taken(s, 1); got != "-" {
		t.Errorf("%q met a call after it was removed", got)
	}
}

func TestCut(t *testing.T) {
	var written atomic.Bool
	r := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		defer written.Store(true)
		simulators.Cut()
	}))
	if got := r.ask("POST", "/", "x"); got != "" {
		t.Errorf("answered %q", got)
	}
	if !written.Load() {
		t.Error("the caller learned of it before it was written down")
	}
}

func TestHookClientGoesNowhereElse(t *testing.T) {
	r := serve(t, http.RedirectHandler("/elsewhere", http.StatusFound))
	r.client = simulators.HookClient(nil, 1, 0)
	defer r.client.CloseIdleConnections()
	if got := r.ask("POST", "/", "x"); !strings.HasPrefix(got, "302") {
		t.Errorf("got %q", got)
	}
}

func TestShorten(t *testing.T) {
	short, long := "héllo", strings.Repeat("é", 10000)
	got := simulators.ShortenAll(map[string]string{"a": short, "b": "x" + long})
	if got["a"] != short {
		t.Errorf("a short value became %q", got["a"])
	}
	b := got["b"]
	if !strings.HasPrefix("x"+long, b) || !utf8.ValidString(b) || len(b) != 8<<10-1 {
		t.Errorf("%d bytes, valid %v", len(b), utf8.ValidString(b))
	}
}

func TestJSON(t *testing.T) {
	var back map[string]string
	if err := json.Unmarshal(simulators.JSON(map[string]string{"a": "<b>"}), &back); err != nil || back["a"] != "<b>" {
		t.Errorf("%v %v", back, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a value without a JSON form was encoded")
		}
	}()
	simulators.JSON(func() {})
}
