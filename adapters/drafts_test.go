package adapters_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

func TestTyping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		h := deliver(t, q, adapters.DelivererOptions{}, b)
		to := private("a", "1")
		h.Draft(draft(to, "x.0", 0, ""))
		elapse(100 * time.Millisecond)
		same(t, "an instant answer costs no call", b.did(), nil)
		elapse(9 * time.Second) // 0.15 s, 4.15 s, 8.15 s
		same(t, "while work goes on", b.did(), []string{"typing 1", "typing 1", "typing 1"})
		h.StopDraft("x.0")
		elapse(time.Minute)
		if n := len(b.did()); n != 3 {
			t.Errorf("%d calls after the end", n)
		}
		h.Draft(draft(to, "y.0", 0, ""))
		publish(t, q, reply(to, "y.0", "done"))
		elapse(time.Minute)
		same(t, "a final ends it", b.did()[3:], []string{"send 1 done"})
		h.Draft(draft(to, "y.0", 1, "late"))
		h.Draft(draft(to, "z.0", 0, ""))
		elapse(time.Hour)
		if n := len(b.did()); n > 4+5*60 {
			t.Errorf("typing never ends: %d calls", n)
		}
	})
}

func TestDraftsThatVanish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		h := deliver(t, q, adapters.DelivererOptions{}, b)
		to := private("a", "1")
		h.Draft(draft(to, "x.0", 0, ""))
		h.Draft(draft(to, "x.0", 1, "1"))
		elapse(50 * time.Millisecond)
		for rev := 2; rev <= 25; rev++ { // ten a second: of each second the newest is shown
			h.Draft(draft(to, "x.0", rev, fmt.Sprint(rev)))
			elapse(100 * time.Millisecond)
		}
		h.Draft(draft(to, "x.0", 3, "older"))
		publish(t, q, reply(to, "x.0", "done"))
		elapse(time.Minute)
		h.Draft(draft(to, "x.0", 30, "late"))
		elapse(time.Minute)
		same(t, "calls", b.did(), []string{"draft 1 4", "draft 1 14", "draft 1 24", "send 1 done"})
	})
}

// TestDrafted: words were seen once they left for the platform, not when the deliverer has
// them; a platform that shows none has shown nothing, and each run of a turn counts anew.
func TestDrafted(t *testing.T) {
	for name, test := range map[string]struct {
		to   core.Conversation
		seen bool
	}{
		"by drafts": {private("a", "1"), true},
		"by edits":  {group("a", "1"), true},
		"not shown": {private("plain", "1"), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, b, plain := newLanes(), newBot("a"), newBot("plain")
				plain.about.Capabilities.DraftsIn = nil
				h := deliver(t, q, adapters.DelivererOptions{}, b, plain)
				h.Draft(draft(test.to, "x.0", 0, ""))
				h.Draft(draft(test.to, "x.0", 1, "one"))
				elapse(200 * time.Millisecond)
				if h.Drafted("x.0") {
					t.Error("seen although it is held back")
				}
				elapse(200 * time.Millisecond)
				if h.Drafted("x.0") != test.seen {
					t.Errorf("seen: %t", !test.seen)
				}
				h.Deliverer.Draft(draft(test.to, "x.0", 1, "other words"), queue.Lease{Token: 2, Left: func() time.Duration { return time.Hour }})
				if h.Drafted("x.0") || h.Drafted("y.0") {
					t.Error("seen although it was just begun")
				}
				h.StopDraft("x.0")
				publish(t, q, reply(test.to, "x.0", "done"))
				elapse(time.Minute)
				if h.Drafted("x.0") {
					t.Error("there is no draft any more")
				}
			})
		})
	}
}

// TestDraftsByEdit: one message grows and becomes the final.
func TestDraftsByEdit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		h := deliver(t, q, adapters.DelivererOptions{}, b)
		to := group("a", "1")
		publish(t, q, reply(to, "w.0", "before"))
		for rev := 1; rev <= 7; rev++ {
			h.Draft(draft(to, "x.0", rev, fmt.Sprint(rev)))
			elapse(time.Second)
		}
		publish(t, q, reply(to, "x.0", "done\nmore"))
		synctest.Wait()
		same(t, "calls", b.did(), []string{
			"send 1 before", "send 1 1", "edit 1 4", "edit 1 7", "edit 1 done", "send 1 more",
		})
		same(t, "chat", b.stands("1"), []string{"before", "done", "more"})
		if fields := q.fields(queue.Lane(to)); len(fields) != 0 {
			t.Errorf("the lane still remembers %q", fields)
		}
	})
}

// TestDraftOutlivesCrash: a process dies after it showed a draft. The next one goes
// on with the same message and sends no second one.
func TestDraftOutlivesCrash(t *testing.T) {
	for _, redrafted := range []bool{false, true} {
		t.Run(fmt.Sprintf("redrafted %v", redrafted), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, b := newLanes(), newBot("a")
				to := group("a", "1")
				h := deliver(t, q, adapters.DelivererOptions{}, b)
				h.Draft(draft(to, "x.0", 1, "growing"))
				synctest.Wait()
				h.end()
				h = deliver(t, q, adapters.DelivererOptions{}, b)
				if redrafted {
					h.Draft(draft(to, "x.0", 1, "growing again"))
					elapse(10 * time.Second)
					same(t, "chat", b.stands("1"), []string{"growing again"})
				}
				publish(t, q, reply(to, "x.0", "done"))
				elapse(time.Second)
				same(t, "chat", b.stands("1"), []string{"done"})
			})
		})
	}
}

// TestDraftMessageGone: somebody deleted the draft; the final is sent all the same.
func TestDraftMessageGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		h := deliver(t, q, adapters.DelivererOptions{}, b)
		to := group("a", "1")
		h.Draft(draft(to, "x.0", 1, "growing"))
		synctest.Wait()
		b.mu.Lock()
		clear(b.texts)
		clear(b.shown)
		b.mu.Unlock()
		publish(t, q, reply(to, "x.0", "done"))
		synctest.Wait()
		same(t, "chat", b.stands("1"), []string{"done"})
	})
}

// TestFinalWaitsForDraft: an edit that is under way cannot overwrite the final.
func TestFinalWaitsForDraft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		h := deliver(t, q, adapters.DelivererOptions{}, b)
		to := group("a", "1")
		b.on(func(_ context.Context, call string) error {
			if call == "edit 1 slow" {
				elapse(2 * time.Second)
			}
			return nil
		}, nil)
		h.Draft(draft(to, "x.0", 1, "growing"))
		synctest.Wait()
		h.Draft(draft(to, "x.0", 2, "slow"))
		elapse(3500 * time.Millisecond)
		publish(t, q, reply(to, "x.0", "done"))
		elapse(time.Minute)
		same(t, "chat", b.stands("1"), []string{"done"})
	})
}

// TestFailedDraft: nothing is lost by it, and what it was told holds for the final.
func TestFailedDraft(t *testing.T) {
	for _, test := range []struct {
		name string
		to   core.Conversation
		err  error
		want []string
		took time.Duration
	}{
		{
			"permanent", group("a", "1"), fault.New(fault.Permanent, "draft", errTest),
			[]string{"send 1 one", "typing 1", "send 1 done"}, 0,
		},
		{
			"unsure", group("a", "1"), fault.New(fault.Retryable, "draft", errTest, fault.Unsure()),
			[]string{"send 1 one", "typing 1", "send 1 done"}, 0,
		},
		{
			"unsure, where it may be repeated", group("again", "1"), fault.New(fault.Retryable, "draft", errTest, fault.Unsure()),
			[]string{"send 1 one", "send 1 one", "edit 1 done"}, 0,
		},
		{
			"retryable", group("a", "1"), fault.New(fault.Retryable, "draft", errTest),
			[]string{"send 1 one", "send 1 one", "edit 1 done"}, 0,
		},
		{
			"rate limited", private("a", "1"), fault.New(fault.RateLimited, "draft", errTest, fault.WithWait(20*time.Second)),
			[]string{"draft 1 one", "send 1 done"}, 20 * time.Second,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, b := newLanes(), newBot(test.to.Account)
				b.about.Capabilities.Repeatable = test.to.Account == "again"
				h := deliver(t, q, adapters.DelivererOptions{}, b)
				b.on(ahead(once("", test.err)), nil)
				began := time.Now()
				h.Draft(draft(test.to, "x.0", 1, "one"))
				elapse(3500 * time.Millisecond)
				publish(t, q, reply(test.to, "x.0", "done"))
				for q.waiting(queue.Lane(test.to)) > 0 {
					elapse(100 * time.Millisecond)
				}
				if took := time.Since(began); took < test.took {
					t.Errorf("took %v, was told %v", took, test.took)
				}
				same(t, "calls", b.did(), test.want)
			})
		})
	}
}

// TestDraftsGiveWay: where a chat may get one message in three seconds the drafts
// leave room for the final.
func TestDraftsGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		b.about.Capabilities.Limits.Group = adapters.Rate{Count: 20, Per: time.Minute, Burst: 3}
		h := deliver(t, q, adapters.DelivererOptions{}, b)
		to := group("a", "1")
		for rev := range 600 {
			h.Draft(draft(to, "x.0", rev+1, fmt.Sprint(rev)))
			elapse(100 * time.Millisecond)
		}
		if n := len(b.did()); n < 15 || n > 23 {
			t.Errorf("%d calls in a minute, the limit is 20 and a burst of 3", n)
		}
		began := time.Now()
		publish(t, q, reply(to, "x.0", "done"))
		synctest.Wait()
		if time.Since(began) != 0 || strings.Join(b.stands("1"), "") != "done" {
			t.Errorf("the final had to wait: %q after %v", b.stands("1"), time.Since(began))
		}
	})
}

// TestDraftBeforeRun: drafts of a Deliverer that does not run go nowhere.
func TestDraftBeforeRun(t *testing.T) {
	b := newBot("a")
	d := adapters.NewDeliverer(adapters.DelivererOptions{
		Queue: newLanes(), Adapters: map[core.Account]adapters.Adapter{"a": b},
	})
	d.Draft(draft(private("a", "1"), "x.0", 1, "hello"), queue.Lease{})
	d.Draft(draft(private("nobody", "1"), "x.0", 1, "hello"), queue.Lease{})
	d.StopDraft(t.Context(), "x.0", 1)
	same(t, "calls", b.did(), nil)
}
