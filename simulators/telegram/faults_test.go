package telegram_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/simulators/telegram"
)

func TestFaults(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	send := args{"chat_id": ann, "text": "x"}
	tests := []struct {
		name   string
		fault  telegram.Fault
		cut    bool
		status int
		text   string
		stored int
	}{
		{"429", telegram.Fault{Kind: telegram.FaultTooManyRequests, RetryAfter: 3}, false, 429, "Too Many Requests: retry after 3", 0},
		{"502", telegram.Fault{Kind: telegram.FaultBadGateway}, false, 502, "", 0},
		{"error", telegram.Fault{Kind: telegram.FaultError, Code: 400, Description: "Bad Request: TOPIC_CLOSED"}, false, 400, "Bad Request: TOPIC_CLOSED", 0},
		{"dropped before", telegram.Fault{Kind: telegram.FaultDropBefore}, true, 0, "", 0},
		{"stored then dropped", telegram.Fault{Kind: telegram.FaultDropAfter}, true, 0, "", 1},
		{"delayed", telegram.Fault{Kind: telegram.FaultDelay, Delay: time.Millisecond}, false, 200, "", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(r.Shown(0, ann))
			h := r.Inject(tt.fault)
			out, err := r.try(t.Context(), "sendMessage", send)
			if tt.fault.Kind == telegram.FaultBadGateway {
				if out.Status != 502 || !strings.Contains(out.Body, "<title>502 Bad Gateway") {
					t.Fatalf("got %d %s", out.Status, out.Body)
				}
			} else if (err != nil) != tt.cut || out.Status != tt.status || out.Description != tt.text {
				t.Fatalf("%v %d %s", err, out.Status, out.Body)
			}
			if tt.status == 429 && (out.Header.Get("Retry-After") != "3" || out.Parameters.RetryAfter != 3) {
				t.Fatalf("got %v %s", out.Header, out.Body)
			}
			if got := len(r.Shown(0, ann)) - before; got != tt.stored || h.Hits() != 1 {
				t.Fatalf("%d stored, %d hits", got, h.Hits())
			}
			calls := r.Calls()
			if last := calls[len(calls)-1]; last.Fault != tt.fault.Kind || last.OK != (tt.stored == 1) {
				t.Fatalf("transcript %+v", last)
			}
			ok[telegram.Message](r, "sendMessage", send) // one call only
		})
	}
}

func TestFaultsPickTheirCalls(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	h := r.Inject(telegram.Fault{Kind: telegram.FaultTooManyRequests, Method: "sendMessage", Chat: group, Skip: 1, Count: -1})
	in := func(chat int64) int { return r.call("sendMessage", args{"chat_id": chat, "text": "x"}).Status }
	if r.call("getMe", nil).Status != 200 || in(ann) != 200 || in(group) != 200 || in(group) != 429 || in(group) != 429 {
		t.Fatal("wrong calls met")
	}
	h.Remove()
	if in(group) != 200 || h.Hits() != 2 {
		t.Fatalf("after removal, %d hits", h.Hits())
	}
}

func TestDelayUntilReleased(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	h := r.Inject(telegram.Fault{Kind: telegram.FaultDelay, Method: "sendmessage"})
	done := make(chan int, 1)
	go func() {
		out, err := r.try(t.Context(), "sendMessage", args{"chat_id": ann, "text": "x"})
		if err != nil {
			out.Status = -1
		}
		done <- out.Status
	}()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	r.must(h.WaitHits(ctx, 1))
	if len(r.Shown(0, ann)) != 0 {
		t.Fatal("executed before it was released")
	}
	h.Release()
	if status := <-done; status != 200 || len(r.Shown(0, ann)) != 1 {
		t.Fatalf("got %d", status)
	}
}

func TestLimits(t *testing.T) {
	type step struct {
		after  time.Duration
		method string
		chat   int64
		retry  int // zero means accepted
	}
	const text, draft = "sendMessage?text=x", "sendMessageDraft?draft_id=1&text=x"
	tests := []struct {
		name   string
		limits telegram.Limits
		steps  []step
	}{
		{"per chat", telegram.Limits{PerChatPerSecond: 1}, []step{
			{0, text, ann, 0}, {0, draft, ann, 1}, {0, text, bob, 0}, {500 * time.Millisecond, text, ann, 1}, {500 * time.Millisecond, text, ann, 0},
		}},
		{"per bot", telegram.Limits{PerSecond: 2}, []step{
			{0, text, ann, 0}, {0, text, bob, 0}, {0, text, group, 1}, {0, "sendChatAction?action=typing", group, 0}, {time.Second, text, group, 0},
		}},
		{"per group and minute", telegram.Limits{GroupPerMinute: 2}, []step{
			{0, text, group, 0}, {10 * time.Second, text, group, 0}, {0, text, group, 50}, {0, text, ann, 0}, {20 * time.Second, text, group, 30}, {30 * time.Second, text, group, 0},
		}},
		{"off", telegram.Limits{}, []step{{0, text, group, 0}, {0, text, group, 0}, {0, text, group, 0}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := telegram.New(telegram.Options{Limits: tt.limits})
				defer s.Close()
				s.AddBot(token, botID, "b", "B")
				for _, id := range []int64{ann, bob} {
					s.AddUser(telegram.User{ID: id, FirstName: "U"})
					if err := s.OpenPrivate(0, id); err != nil {
						t.Fatal(err)
					}
				}
				s.AddGroup(group, "G", ann, botID)
				for i, st := range tt.steps {
					time.Sleep(st.after) // fake time
					w := fake(s, "/bot"+token+"/"+st.method+"&chat_id="+itoa(st.chat))
					want := http.StatusOK
					if st.retry > 0 {
						want = http.StatusTooManyRequests
					}
					if w.status != want || st.retry > 0 && w.header.Get("Retry-After") != itoa(int64(st.retry)) {
						t.Fatalf("step %d: %d %s %s", i, w.status, w.header, w.body)
					}
				}
			})
		})
	}
}
