package adapters_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// air is a topic in memory that may lose what is told.
type air struct {
	mu     sync.Mutex
	ears   map[string][]chan []byte
	lost   func(name string) bool
	spoken []string
}

func newAir() *air { return &air{ears: map[string][]chan []byte{}} }

func (a *air) Publish(_ context.Context, name string, payload []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spoken = append(a.spoken, name)
	if a.lost != nil && a.lost(name) {
		return fault.New(fault.Retryable, "publish", errTest)
	}
	for _, to := range a.ears[name] {
		to <- slices.Clone(payload)
	}
	return nil
}

func (a *air) told() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.spoken)
}

func (a *air) Subscribe(ctx context.Context, name string) <-chan []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	to := make(chan []byte, 1000)
	a.ears[name] = append(a.ears[name], to)
	context.AfterFunc(ctx, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.ears[name] = slices.DeleteFunc(a.ears[name], func(other chan []byte) bool { return other == to })
		close(to)
	})
	return to
}

// seat is one node's way to a platform that several see; it knows who called.
type seat struct {
	*bot
	mu    sync.Mutex
	calls []string
}

func (s *seat) note(words ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, strings.TrimSpace(fmt.Sprintln(words...)))
}

func (s *seat) did() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *seat) Send(ctx context.Context, r core.Reply) (core.Receipt, error) {
	s.note("send", r.To.Chat, core.JoinText(r.Parts))
	return s.bot.Send(ctx, r)
}

func (s *seat) Edit(ctx context.Context, id core.MessageID, r core.Reply) (core.Receipt, error) {
	s.note("edit", r.To.Chat, core.JoinText(r.Parts))
	return s.bot.Edit(ctx, id, r)
}

func (s *seat) Draft(ctx context.Context, r core.Reply) error {
	s.note("draft", r.To.Chat, core.JoinText(r.Parts))
	return s.bot.Draft(ctx, r)
}

func (s *seat) Typing(ctx context.Context, to core.Conversation) error {
	s.note("typing", to.Chat)
	return s.bot.Typing(ctx, to)
}

// pair is a node that answers and takes nothing from the outbox, and one that delivers.
func pair(t *testing.T, lanes queue.Lanes) (asks, delivers *hub, own, others *seat, a *air) {
	t.Helper()
	q, a := newLanes(), newAir()
	platform := newBot("a")
	own, others = &seat{bot: platform}, &seat{bot: platform}
	o := adapters.DelivererOptions{Topic: a, Lanes: lanes}
	asks = deliver(t, &lanesOf{q, "nothing"}, o, own)
	delivers = deliver(t, &lanesOf{q, ""}, o, others)
	delivers.q = q
	return asks, delivers, own, others, a
}

// lanesOf is a queue whose user consumes another box than it wanted to.
type lanesOf struct {
	*lanes
	box queue.Box
}

func (q *lanesOf) Consume(ctx context.Context, o queue.ConsumeOptions, h queue.Handler) error {
	if q.box != "" {
		o.Box = q.box
	}
	return q.lanes.Consume(ctx, o, h)
}

// TestPlacedElsewhere: a draft's message is sent by another node, which says where it
// stands; what it says may be lost, and is asked for again.
func TestPlacedElsewhere(t *testing.T) {
	for _, lost := range []int{0, 2} {
		t.Run(fmt.Sprint(lost, " answers lost"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asks, delivers, own, others, a := pair(t, queue.Lanes{})
				a.lost = func(name string) bool { lost--; return strings.HasPrefix(name, "placed/") && lost >= 0 }
				to := group("a", "1")
				for rev := range 30 {
					asks.Draft(draft(to, "x.0", rev+1, fmt.Sprint(rev)))
					elapse(time.Second)
				}
				asks.SettleDraft(t.Context(), "x.0", 1)
				same(t, "the other", others.did(), []string{"send 1 0"})
				edits := own.did()
				if len(edits) < 3 || !strings.HasPrefix(edits[0], "edit 1 ") {
					t.Errorf("it shows %q", edits)
				}
				publish(t, delivers.q, reply(to, "x.0", "done"))
				elapse(time.Minute)
				same(t, "chat", others.stands("1"), []string{"done"})
				if n := len(own.did()); n != len(edits) {
					t.Errorf("%q after the end", own.did()[len(edits):])
				}
			})
		})
	}
}

// TestToldElsewhere: typing and drafts for an account whose connection is on another node
// are shown there, and end with the final.
func TestToldElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asks, delivers, own, others, _ := pair(t, queue.NewLanes("a"))
		serving, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- delivers.Serve(serving, "a") }()
		synctest.Wait()
		to := group("a", "1")
		asks.Draft(draft(to, "x.0", 1, ""))
		elapse(9 * time.Second)
		for rev := range 10 {
			asks.Draft(draft(to, "x.0", rev+2, fmt.Sprint(rev)))
			elapse(time.Second)
		}
		asks.SettleDraft(t.Context(), "x.0", 1)
		shown := others.did()
		if len(shown) < 6 || len(shown) > 8 || !strings.HasPrefix(shown[5], "edit 1 ") {
			t.Fatalf("the other showed %q", shown)
		}
		same(t, "the other", shown[:4], []string{"typing 1", "typing 1", "typing 1", "send 1 0"})
		r := reply(to, "x.0", "done")
		body, err := core.EncodeReply(r)
		if err != nil {
			t.Fatal(err)
		}
		key := queue.NewLanes("a").Of(to)
		if _, err := delivers.q.Publish(t.Context(), key, queue.Item{ID: "x.0", Body: body}); err != nil {
			t.Fatal(err)
		}
		delivers.q.settled(t, key)
		same(t, "chat", others.stands("1"), []string{"done"})
		// What was still on its way comes too late.
		asks.Draft(draft(to, "x.0", 50, "late"))
		elapse(time.Minute)
		same(t, "chat", others.stands("1"), []string{"done"})
		same(t, "without the connection", own.did(), nil)
		if got := delivers.Outboxes(); !slices.Equal(got, []queue.Box{queue.Outbox, "outbox/a"}) {
			t.Errorf("works through %v", got)
		}
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if got := delivers.Outboxes(); !slices.Equal(got, []queue.Box{queue.Outbox}) {
			t.Errorf("works through %v", got)
		}
	})
}

// TestTurnBegunAnew: the drafts of a turn that another took over are not shown any more,
// those of the other are, though it counts from one again.
func TestTurnBegunAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asks, delivers, _, others, _ := pair(t, queue.NewLanes("a"))
		go func() { _ = delivers.Serve(t.Context(), "a") }()
		synctest.Wait()
		held := func() time.Duration { return time.Hour }
		to := private("a", "1")
		asks.Deliverer.Draft(draft(to, "x.0", 9, "first turn"), queue.Lease{Token: 5, Left: held})
		elapse(2 * time.Second)
		delivers.Deliverer.Draft(draft(to, "x.0", 1, "second turn"), queue.Lease{Token: 6, Left: held})
		elapse(2 * time.Second)
		asks.Deliverer.Draft(draft(to, "x.0", 10, "first turn still"), queue.Lease{Token: 5, Left: held})
		elapse(2 * time.Second)
		same(t, "shown", others.did(), []string{"draft 1 first turn", "draft 1 second turn"})
		// The end of the first turn is none of the second's.
		delivers.Deliverer.Draft(draft(to, "x.0", 2, "more"), queue.Lease{Token: 6, Left: held})
		delivers.Deliverer.StopDraft(t.Context(), "x.0", 5)
		elapse(2 * time.Second)
		same(t, "shown", others.did()[2:], []string{"draft 1 more"})
		delivers.Deliverer.Draft(draft(to, "x.0", 3, "last"), queue.Lease{Token: 6, Left: held})
		synctest.Wait()
		// The next one is not due yet.
		delivers.Deliverer.Draft(draft(to, "x.0", 4, "never"), queue.Lease{Token: 6, Left: held})
		delivers.Deliverer.StopDraft(t.Context(), "x.0", 6)
		elapse(2 * time.Second)
		same(t, "shown", others.did()[3:], []string{"draft 1 last"})
	})
}

// TestDraftOfLostTurn: nothing is shown for a turn whose lease may have been lost, and a
// call that shows something is back before that.
func TestDraftOfLostTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		h := deliver(t, q, adapters.DelivererOptions{Topic: newAir()}, b)
		b.on(func(ctx context.Context, call string) error {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > 2*time.Second {
				t.Errorf("%s may take until %v", call, time.Until(deadline))
			}
			<-ctx.Done()
			return ctx.Err()
		}, nil)
		until := time.Now().Add(3 * time.Second)
		left := func() time.Duration { return time.Until(until) }
		elapse(time.Second)
		for rev := range 10 {
			h.Deliverer.Draft(draft(private("a", "1"), "x.0", rev+1, fmt.Sprint(rev)), queue.Lease{Token: 1, Left: left})
			elapse(time.Second)
		}
		same(t, "shown", b.did(), []string{"draft 1 0"})
	})
}

// TestLostLane: a holder that lost its lane after it noted that it is about to send does
// not send. It gives the item up to whoever holds the lane.
func TestLostLane(t *testing.T) {
	for _, test := range []struct {
		name string
		give func(t *testing.T, h *hub)
	}{
		{"final", func(t *testing.T, h *hub) { publish(t, h.q, reply(group("a", "1"), "x.0", "done")) }},
		{"draft", func(_ *testing.T, h *hub) { h.Draft(draft(group("a", "1"), "x.0", 1, "done")) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, b := newLanes(), newBot("a")
				h := deliver(t, q, adapters.DelivererOptions{Topic: newAir()}, b)
				first := true
				q.noted = func(key queue.Key) {
					if first {
						first = false
						q.kill(key)
					}
				}
				test.give(t, h)
				elapse(time.Second)
				q.settled(t, queue.Lane(group("a", "1")))
				// The draft is not sent a second time: nobody knows of the first.
				want := map[string][]string{"final": {"send 1 done"}}[test.name]
				calls := slices.DeleteFunc(b.did(), func(c string) bool { return strings.HasPrefix(c, "typing") })
				same(t, "calls", calls, want)
				if n := h.events.count(core.StageBuried); n > 0 {
					t.Error("something was buried")
				}
			})
		})
	}
}

// TestLongDraftIsNotTold: what would not fit stays, and nobody waits for it.
func TestLongDraftIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asks, _, _, _, a := pair(t, queue.NewLanes("a"))
		to := private("a", "1")
		asks.Draft(draft(to, "x.0", 1, strings.Repeat("x", 100_000)))
		elapse(5 * time.Second)
		same(t, "told", a.told(), nil)
		asks.Draft(draft(to, "x.0", 2, "short"))
		elapse(5 * time.Second)
		same(t, "told", a.told(), []string{"drafts/a"})
	})
}

// TestLateDraftIsMended: a call that shows a draft comes back when the lease of its turn
// is over. It may have come behind the final, which is shown again once it is known.
func TestLateDraftIsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, b := newLanes(), newBot("a")
		asked := 0
		h := deliver(t, q, adapters.DelivererOptions{
			Topic: newAir(),
			Sent: func(_ context.Context, account core.Account, chat core.ChatID, message core.MessageID) (core.Reply, bool, error) {
				asked++
				return reply(group(account, chat), "x.0", "done"), asked == 3 && message == "m1", nil
			},
		}, b)
		held := true
		left := func() time.Duration {
			if held {
				return time.Hour
			}
			return 0
		}
		to := group("a", "1")
		h.Deliverer.Draft(draft(to, "x.0", 1, "one"), queue.Lease{Token: 1, Left: left})
		elapse(time.Second)
		b.on(nil, func(call string) error {
			held = call != "edit 1 two" && held
			return nil
		})
		h.Deliverer.Draft(draft(to, "x.0", 2, "two"), queue.Lease{Token: 1, Left: left})
		elapse(time.Hour)
		same(t, "calls", b.did(), []string{"send 1 one", "edit 1 two", "edit 1 done"})
		if asked != 3 {
			t.Errorf("asked %d times", asked)
		}
	})
}
