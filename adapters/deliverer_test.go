package adapters_test

import (
	"context"
	"errors"
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

var errTest = errors.New("as the test says")

// once gives err for the first call whose name begins so, and nil for all others.
func once(name string, err error) func(string) error {
	used := false
	return func(call string) error {
		if used || !strings.HasPrefix(call, name) {
			return nil
		}
		used = true
		return err
	}
}

// ahead makes of it what is asked before a call.
func ahead(f func(string) error) func(context.Context, string) error {
	return func(_ context.Context, call string) error { return f(call) }
}

func TestDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		h := deliver(t, q, adapters.DelivererOptions{
			Ledger: func(r core.Reply, receipts []core.Receipt) (queue.Outgoing, bool) {
				return queue.Outgoing{Item: queue.Item{ID: fmt.Sprintf("%s %d %v", r.ID, len(receipts), receipts[0].More)}}, true
			},
		}, b)
		publish(t, q, reply(private("a", "1"), "x.0", "one\ntwo\nthree"))
		publish(t, q, reply(private("a", "1"), "y.0", "four"))
		synctest.Wait()
		same(t, "chat", b.stands("1"), []string{"one", "two", "three", "four"})
		if h.events.count(core.StageSent) != 4 || h.events.count(core.StageDelivered) != 2 {
			t.Errorf("events %+v", h.events.all)
		}
		if len(q.out) != 2 || q.out[0].Item.ID != "x.0 3 true" {
			t.Errorf("ledger %+v", q.out)
		}
		if n := q.waiting(queue.Lane(private("a", "1"))); n != 0 {
			t.Errorf("%d items left", n)
		}
	})
}

// TestFailedCall: what a failed call makes of the reply.
func TestFailedCall(t *testing.T) {
	for _, test := range []struct {
		name   string
		before error // the call failed and left nothing
		after  error // the message stands and the call failed
		want   []string
		took   time.Duration // at least
		failed int
		buried string
		unsure int
	}{
		{name: "retryable", before: fault.New(fault.Retryable, "send", errTest), want: []string{"one", "two"}, failed: 1},
		{
			name: "rate limited", before: fault.New(fault.RateLimited, "send", errTest, fault.WithWait(7*time.Second)),
			want: []string{"one", "two"}, took: 7 * time.Second,
		},
		{
			name: "needs a human", before: fault.New(fault.NeedsHuman, "send", errTest),
			want: []string{"one", "two"}, took: time.Minute,
		},
		{name: "permanent", before: fault.New(fault.Permanent, "send", errTest), buried: "as the test says"},
		{name: "bug", before: fault.New(fault.Bug, "send", errTest), buried: "as the test says"},
		{
			name: "unsure", after: fault.New(fault.Retryable, "send", errTest, fault.Unsure()),
			want: []string{"one", "one", "two"}, failed: 1, unsure: 1,
		},
		{
			name: "unsure and permanent", after: fault.New(fault.Permanent, "send", errTest, fault.Unsure()),
			want: []string{"one", "one", "two"}, failed: 1, unsure: 1,
		},
		{name: "not classified", after: errTest, want: []string{"one", "one", "two"}, failed: 1, unsure: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, b := newLanes(), newBot("a")
				b.on(ahead(once("send", test.before)), once("send", test.after))
				h := deliver(t, q, adapters.DelivererOptions{}, b)
				began := time.Now()
				publish(t, q, reply(private("a", "1"), "x.0", "one\ntwo"))
				q.settled(t, queue.Lane(private("a", "1")))
				if took := time.Since(began); took < test.took {
					t.Errorf("took %v, want at least %v", took, test.took)
				}
				same(t, "chat", b.stands("1"), test.want)
				if q.failed != test.failed || h.events.count(core.StageUnsure) != test.unsure {
					t.Errorf("%d failed attempts, %d unsure", q.failed, h.events.count(core.StageUnsure))
				}
				dead := q.buried()
				if (len(dead) == 1) != (test.buried != "") || len(dead) == 1 && !strings.Contains(dead[0].Reason, test.buried) {
					t.Errorf("buried %+v", dead)
				}
				if h.events.count(core.StageBuried) != len(dead) {
					t.Error("the burial was not told")
				}
			})
		})
	}
}

// TestCrash: the process dies while a call is under way.
func TestCrash(t *testing.T) {
	lane := queue.Lane(private("a", "1"))
	run := func(t *testing.T, sender adapters.Adapter, b *bot, q *lanes) *hub {
		h := deliver(t, q, adapters.DelivererOptions{}, sender)
		publish(t, q, reply(private("a", "1"), "x.0", "one\ntwo"))
		q.settled(t, lane)
		return h
	}
	dies := func(q *lanes, text string, times int) func(string) error {
		return func(call string) error {
			if times > 0 && call == "send 1 "+text {
				times--
				q.kill(lane)
			}
			return nil
		}
	}
	t.Run("sent once more and counted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q, b := newLanes(), newBot("a")
			b.on(nil, dies(q, "two", 1))
			h := run(t, b, b, q)
			same(t, "chat", b.stands("1"), []string{"one", "two", "two"})
			if h.events.count(core.StageUnsure) != 1 || len(q.buried()) != 0 {
				t.Errorf("%d unsure, buried %+v", h.events.count(core.StageUnsure), q.buried())
			}
		})
	})
	t.Run("buried the second time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q, b := newLanes(), newBot("a")
			b.on(nil, dies(q, "two", 9))
			run(t, b, b, q)
			same(t, "chat", b.stands("1"), []string{"one", "two", "two"})
			if dead := q.buried(); len(dead) != 1 || !strings.Contains(dead[0].Reason, "outcome unknown twice") {
				t.Errorf("buried %+v", dead)
			}
		})
	})
	t.Run("the platform knows that it stands", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q, b := newLanes(), newBot("a")
			b.on(nil, dies(q, "two", 1))
			h := run(t, knowing{b}, b, q)
			same(t, "chat", b.stands("1"), []string{"one", "two"})
			if h.events.count(core.StageUnsure) != 0 || h.events.count(core.StageDelivered) != 1 {
				t.Errorf("events %+v", h.events.all)
			}
		})
	})
	t.Run("the platform knows that it does not stand", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q, b := newLanes(), newBot("a")
			b.on(ahead(func(call string) error {
				if call == "send 1 two" && len(b.did()) == 2 {
					q.kill(lane)
					return fault.New(fault.Retryable, "send", errTest, fault.Unsure())
				}
				return nil
			}), nil)
			h := run(t, knowing{b}, b, q)
			same(t, "chat", b.stands("1"), []string{"one", "two"})
			if h.events.count(core.StageUnsure) != 0 {
				t.Errorf("events %+v", h.events.all)
			}
		})
	})
}

// knowing is a bot whose platform tells what stands.
type knowing struct{ *bot }

func (k knowing) Reconcile(_ context.Context, r core.Reply) (core.Receipt, bool, error) {
	want := strings.Split(core.JoinText(r.Parts), "\n")[len(r.Sent)]
	for _, id := range k.shown[r.To.Chat] {
		if k.texts[id] == want {
			return core.Receipt{Message: id, At: time.Now()}, true, nil
		}
	}
	return core.Receipt{}, false, nil
}

// TestGivenUp: a reply that fails again and again is buried, and the chat goes on.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		b.on(ahead(func(call string) error {
			if strings.HasSuffix(call, "bad") {
				return fault.New(fault.Retryable, "send", errTest)
			}
			return nil
		}), nil)
		deliver(t, q, adapters.DelivererOptions{MaxAttempts: 4}, b)
		publish(t, q, reply(private("a", "1"), "x.0", "bad"))
		publish(t, q, reply(private("a", "1"), "y.0", "good"))
		q.settled(t, queue.Lane(private("a", "1")))
		same(t, "chat", b.stands("1"), []string{"good"})
		if dead := q.buried(); len(dead) != 1 || dead[0].Attempts != 4 {
			t.Errorf("buried %+v", dead)
		}
	})
}

// TestUnreadable: what can never be sent is buried and holds up nobody.
func TestUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		deliver(t, q, adapters.DelivererOptions{}, b)
		publish(t, q, reply(private("gone", "1"), "x.0", "hello"))
		if _, err := q.Publish(t.Context(), queue.Lane(private("a", "1")), queue.Item{ID: "y.0", Body: []byte("{")}); err != nil {
			t.Fatal(err)
		}
		publish(t, q, reply(private("a", "1"), "z.0", "hello"))
		synctest.Wait()
		same(t, "chat", b.stands("1"), []string{"hello"})
		if dead := q.buried(); len(dead) != 2 {
			t.Errorf("buried %+v", dead)
		}
	})
}

// TestAccountsDoNotFeelEachOther: a platform that hangs holds only its own slots.
func TestAccountsDoNotFeelEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, hangs, works := newLanes(), newBot("hangs"), newBot("works")
		hangs.on(func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return fault.New(fault.Retryable, "send", ctx.Err(), fault.Unsure())
		}, nil)
		deliver(t, q, adapters.DelivererOptions{Slots: 4, Grace: time.Second}, hangs, works)
		for i := range 20 {
			publish(t, q, reply(private("hangs", core.ChatID(fmt.Sprint(i))), core.ReplyID(fmt.Sprintf("h%d.0", i)), "hello"))
		}
		synctest.Wait()
		publish(t, q, reply(private("works", "1"), "w.0", "hello"))
		synctest.Wait()
		same(t, "chat", works.stands("1"), []string{"hello"})
	})
}

// TestMoved: the lane learns where its place is now.
func TestMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		deliver(t, q, adapters.DelivererOptions{}, b)
		to := group("a", "new")
		b.moved = &to
		publish(t, q, reply(group("a", "old"), "x.0", "one\ntwo"))
		synctest.Wait()
		b.moved = nil
		publish(t, q, reply(group("a", "old"), "y.0", "three"))
		synctest.Wait()
		same(t, "calls", b.did(), []string{"send old one", "send new two", "send new three"})
	})
}

// TestPanic: a panic is an unknown outcome, and nobody else feels it.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		b.on(ahead(func(call string) error {
			if call == "send 1 bad" {
				panic("bad")
			}
			return nil
		}), nil)
		h := deliver(t, q, adapters.DelivererOptions{}, b)
		publish(t, q, reply(private("a", "1"), "x.0", "bad"))
		publish(t, q, reply(private("a", "2"), "y.0", "good"))
		q.settled(t, queue.Lane(private("a", "1")))
		same(t, "chat", b.stands("2"), []string{"good"})
		if dead := q.buried(); len(dead) != 1 || h.events.count(core.StageUnsure) != 1 {
			t.Errorf("buried %+v", dead)
		}
	})
}

// TestDrain: what is under way when Run is told to end is finished inside the grace.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		b.on(func(context.Context, string) error {
			elapse(2 * time.Second) // in the bubble's time: a call is under way that long
			return nil
		}, nil)
		h := deliver(t, q, adapters.DelivererOptions{Grace: 5 * time.Second}, b)
		publish(t, q, reply(private("a", "1"), "x.0", "one\ntwo"))
		publish(t, q, reply(private("a", "1"), "y.0", "three"))
		synctest.Wait()
		h.end()
		same(t, "chat", b.stands("1"), []string{"one", "two"})
		if n := q.waiting(queue.Lane(private("a", "1"))); n != 1 {
			t.Errorf("%d items left, want the one that was not begun", n)
		}
		b.on(nil, nil)
		deliver(t, q, adapters.DelivererOptions{}, b)
		same(t, "chat", b.stands("1"), []string{"one", "two", "three"})
	})
}

// Where a crash may double what is on its way, sends follow each other; a slow one
// holds the next up for no longer than Overlap.
func TestSendsOfAnAccountFollowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		b.about.Capabilities.Overlap = 100 * time.Millisecond
		b.before = func(ctx context.Context, call string) error {
			took := 40 * time.Millisecond
			if strings.HasSuffix(call, "slow") {
				took = time.Second
			}
			elapse(took) // in the bubble's time: how long sends last is what this is about
			return nil
		}
		deliver(t, q, adapters.DelivererOptions{}, b)
		began := time.Now()
		for _, chat := range []core.ChatID{"1", "2", "3"} {
			publish(t, q, reply(private("a", chat), core.ReplyID(chat+".0"), "quick"))
			synctest.Wait()
		}
		publish(t, q, reply(private("a", "4"), "4.0", "slow"))
		synctest.Wait()
		publish(t, q, reply(private("a", "5"), "5.0", "quick"))
		q.settled(t, queue.Lane(private("a", "4")))
		q.settled(t, queue.Lane(private("a", "5")))
		var at []time.Duration
		for _, when := range b.times {
			at = append(at, when.Sub(began)/time.Millisecond)
		}
		if want := fmt.Sprint([]int{0, 40, 80, 120, 220}); fmt.Sprint(asInts(at)) != want {
			t.Errorf("sends began at %v ms, want %v", asInts(at), want)
		}
	})
}

func asInts(d []time.Duration) []int {
	out := make([]int, len(d))
	for i := range d {
		out[i] = int(d[i])
	}
	return out
}
