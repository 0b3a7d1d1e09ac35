package telegram_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/simulators/telegram"
)

func ids(all []update) []int64 {
	out := make([]int64, len(all))
	for i, u := range all {
		out[i] = u.ID
	}
	return out
}

func TestOffsets(t *testing.T) {
	r := start(t, telegram.Options{})
	for i := range 5 {
		r.say(fmt.Sprint(i))
	}
	first := ids(r.updates(nil))
	if len(first) != 5 || first[4] != first[0]+4 {
		t.Fatalf("ids %v", first)
	}
	steps := []struct {
		name string
		args args
		want []int64
	}{
		{"unconfirmed come again", nil, first},
		{"limit", args{"limit": 2}, first[:2]},
		{"limit is forced into bounds", args{"limit": -3}, first[:1]},
		{"offset confirms what is below it", args{"offset": first[1]}, first[1:]},
		{"confirmed are gone", args{"offset": 0}, first[1:]},
		{"an old offset confirms nothing", args{"offset": first[0]}, first[1:]},
		{"an offset far ahead is ignored", args{"offset": first[4] + 100}, first[1:]},
		{"negative leaves the last", args{"offset": -2}, first[3:]},
		{"and forgets the rest", nil, first[3:]},
		{"past the newest", args{"offset": first[4] + 1}, nil},
	}
	for _, s := range steps {
		if got := ids(r.updates(s.args)); !slices.Equal(got, s.want) {
			t.Fatalf("%s: got %v, want %v", s.name, got, s.want)
		}
	}
}

func TestUpdatesExpire(t *testing.T) {
	r := start(t, telegram.Options{})
	r.say("old")
	r.clock.Add(time.Hour)
	r.say("new")
	r.clock.Add(23 * time.Hour)
	got := r.updates(nil)
	if len(got) != 1 || got[0].Message.Text != "new" {
		t.Fatalf("got %+v", got)
	}
	r.clock.Add(time.Hour)
	if n := r.Pending(0); n != 0 {
		t.Fatalf("%d pending after a day", n)
	}
}

func TestAllowedUpdatesStick(t *testing.T) {
	r := start(t, telegram.Options{})
	m, err := r.SayIn(group, ann, "x")
	r.must(err)
	r.must(r.React(0, group, m.MessageID, bob, "👍"))
	r.must(r.SetMember(group, ann, bob, "administrator"))
	r.drain() // message_reaction and chat_member are off by default
	r.must(r.React(0, group, m.MessageID, bob))
	if n := r.Pending(0); n != 0 {
		t.Fatalf("%d updates that nobody asked for", n)
	}
	r.updates(args{"allowed_updates": []string{"message_reaction", "chat_member"}})
	r.updates(nil) // still the same list
	r.must(r.React(0, group, m.MessageID, bob, "🔥"))
	r.must(r.SetMember(group, ann, bob, "member"))
	r.say("not asked for")
	got := r.updates(nil)
	if len(got) != 2 || got[0].Reaction == nil || got[1].Member == nil {
		t.Fatalf("got %+v", got)
	}
	r.drain()
	r.updates(args{"allowed_updates": []string{}})
	r.must(r.React(0, group, m.MessageID, bob))
	r.say("back to the default")
	if got := r.updates(nil); len(got) != 1 || got[0].Message == nil {
		t.Fatalf("got %+v", got)
	}
}

func TestUnknownKindAlwaysArrives(t *testing.T) {
	r := start(t, telegram.Options{})
	r.updates(args{"allowed_updates": []string{"message"}})
	r.must(r.RawUpdate(0, "quantum_message", json.RawMessage(`{"state":"both"}`)))
	out := r.call("getUpdates", nil)
	var got []map[string]json.RawMessage
	r.must(json.Unmarshal(out.Result, &got))
	if len(got) != 1 || string(got[0]["quantum_message"]) != `{"state":"both"}` {
		t.Fatalf("got %s", out.Result)
	}
}

// poll starts a long poll and waits until the server holds it.
func (r *rig) poll(a args) <-chan reply {
	r.t.Helper()
	done := make(chan reply, 1)
	before := len(r.Calls())
	go func() {
		out, err := r.try(r.t.Context(), "getUpdates", a)
		if err != nil {
			out.Description = err.Error()
		}
		done <- out
	}()
	r.eventually("the poll", func() bool { return r.Polling(0) || len(r.Calls()) > before })
	return done
}

func TestLongPollWakes(t *testing.T) {
	r := start(t, telegram.Options{})
	done := r.poll(args{"timeout": 50})
	r.say("hello")
	out := <-done
	var got []update
	r.must(json.Unmarshal(out.Result, &got))
	if len(got) != 1 || got[0].Message.Text != "hello" {
		t.Fatalf("got %s", out.Body)
	}
}

func TestConflicts(t *testing.T) {
	r := start(t, telegram.Options{})
	first := r.poll(args{"timeout": 50})
	second := make(chan reply, 1)
	go func() {
		out, err := r.try(t.Context(), "getUpdates", args{"timeout": 50})
		if err != nil {
			out.Description = err.Error()
		}
		second <- out
	}()
	out := <-first
	if out.Status != http.StatusConflict || out.Description !=
		"Conflict: terminated by other getUpdates request; make sure that only one bot instance is running" {
		t.Fatalf("first poller: %d %s", out.Status, out.Description)
	}
	r.eventually("the second poll", func() bool { return r.Polling(0) })
	ok[bool](r, "setWebhook", args{"url": "http://127.0.0.1:9/hook"})
	out = <-second
	if out.Status != http.StatusConflict || out.Description != "Conflict: terminated by setWebhook request" {
		t.Fatalf("second poller: %d %s", out.Status, out.Description)
	}
	r.refused("getUpdates", nil, http.StatusConflict,
		"Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
	ok[bool](r, "deleteWebhook", nil)
	r.updates(nil)
}

func TestPollEndsWithItsCaller(t *testing.T) {
	r := start(t, telegram.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := r.try(ctx, "getUpdates", args{"timeout": 50})
		done <- err
	}()
	r.eventually("the poll", func() bool { return r.Polling(0) })
	cancel()
	if err := <-done; err == nil {
		t.Fatal("a cancelled poll was answered")
	}
	r.eventually("the end of the poll", func() bool { return !r.Polling(0) })
}

func TestCloseEndsPolls(t *testing.T) {
	r := start(t, telegram.Options{})
	done := r.poll(args{"timeout": 50})
	r.Close()
	if out := <-done; out.Status != http.StatusInternalServerError {
		t.Fatalf("got %d %s", out.Status, out.Description)
	}
}

// fake calls a handler without a network, for tests with a fake clock.
func fake(s *telegram.Server, path string) *recorder {
	w := &recorder{header: http.Header{}}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	if err != nil {
		return w
	}
	s.ServeHTTP(w, req)
	return w
}

type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (w *recorder) Header() http.Header { return w.header }
func (w *recorder) WriteHeader(s int)   { w.status = s }
func (w *recorder) Write(b []byte) (int, error) {
	w.body = append(w.body, b...)
	return len(b), nil
}

func TestPollTimes(t *testing.T) {
	tests := []struct {
		name string
		slow bool
		asks []string
		want time.Duration
	}{
		{"as asked", false, []string{"offset=1&timeout=7"}, 7 * time.Second},
		{"fifty at most", false, []string{"timeout=1000"}, 50 * time.Second},
		{"zero answers at once", false, []string{"timeout=0"}, 0},
		{"a repeated offset waits", true, []string{"offset=5", "offset=5"}, 3 * time.Second},
		{"another offset does not", true, []string{"offset=5", "offset=6"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := telegram.New(telegram.Options{SlowRepeatedPolls: tt.slow})
				defer s.Close()
				s.AddBot(token, botID, "b", "B")
				begin := time.Now()
				for _, ask := range tt.asks {
					if w := fake(s, "/bot"+token+"/getUpdates?"+ask); w.status != http.StatusOK {
						t.Fatalf("%s: %d %s", ask, w.status, w.body)
					}
				}
				if got := time.Since(begin); got != tt.want {
					t.Fatalf("took %s, want %s", got, tt.want)
				}
			})
		})
	}
}

func TestRedeliverAndDuplicate(t *testing.T) {
	r := start(t, telegram.Options{})
	h := r.Inject(telegram.Fault{Kind: telegram.FaultDuplicate})
	r.say("twice")
	r.say("once")
	got := r.updates(nil)
	if len(got) != 3 || got[0].ID != got[1].ID || got[2].Message.Text != "once" || h.Hits() != 1 {
		t.Fatalf("got %v", ids(got))
	}
	next := got[2].ID + 1
	r.updates(args{"offset": next})
	if n, err := r.Redeliver(0, 1); n != 1 || err != nil {
		t.Fatalf("redeliver: %d %v", n, err)
	}
	if again := r.updates(args{"offset": next}); len(again) != 1 || again[0].ID != next-1 {
		t.Fatalf("got %v", ids(again))
	}
	if more := r.updates(args{"offset": next}); len(more) != 0 {
		t.Fatalf("got %v", ids(more))
	}
}
