package adapters_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// bot is an adapter that does as the test says. A text is sent in pieces of one
// line each.
type bot struct {
	about adapters.Description

	mu    sync.Mutex
	calls []string // "send chat text", "edit chat text", "typing chat"
	times []time.Time
	shown map[core.ChatID][]core.MessageID
	texts map[core.MessageID]string
	next  int
	// before is asked before each call that leaves or shows something, after has the
	// last word on what the caller hears.
	before func(ctx context.Context, call string) error
	after  func(call string) error
	moved  *core.Conversation
}

func newBot(account core.Account) *bot {
	return &bot{
		about: adapters.Description{Account: account, Platform: "test", Capabilities: adapters.Capabilities{
			EditsIn: []core.Place{core.Group}, DraftsIn: []core.Place{core.Private}, TypingFor: 5 * time.Second,
			DraftEvery: map[core.Place]time.Duration{core.Private: time.Second, core.Group: 3 * time.Second},
		}},
		shown: map[core.ChatID][]core.MessageID{}, texts: map[core.MessageID]string{},
	}
}

func (b *bot) Describe() adapters.Description { return b.about }

func (b *bot) Run(ctx context.Context, _ adapters.Inbox) error {
	<-ctx.Done()
	return nil
}

// call notes a call and asks the test about it.
func (b *bot) call(ctx context.Context, name string) error {
	b.mu.Lock()
	b.calls = append(b.calls, name)
	b.times = append(b.times, time.Now())
	before := b.before
	b.mu.Unlock()
	if before != nil {
		return before(ctx, name)
	}
	return nil
}

func (b *bot) done(name string) error {
	b.mu.Lock()
	after := b.after
	b.mu.Unlock()
	if after != nil {
		return after(name)
	}
	return nil
}

func (b *bot) Send(ctx context.Context, r core.Reply) (core.Receipt, error) {
	lines := strings.Split(core.JoinText(r.Parts), "\n")
	text := lines[len(r.Sent)]
	name := fmt.Sprintf("send %s %s", r.To.Chat, text)
	if err := b.call(ctx, name); err != nil {
		return core.Receipt{}, err
	}
	b.mu.Lock()
	b.next++
	id := core.MessageID("m" + strconv.Itoa(b.next))
	b.shown[r.To.Chat] = append(b.shown[r.To.Chat], id)
	b.texts[id] = text
	moved := b.moved
	b.mu.Unlock()
	if err := b.done(name); err != nil {
		return core.Receipt{}, err
	}
	return core.Receipt{Message: id, At: time.Now(), More: r.Final && len(r.Sent)+1 < len(lines), MovedTo: moved}, nil
}

func (b *bot) Edit(ctx context.Context, id core.MessageID, r core.Reply) (core.Receipt, error) {
	lines := strings.Split(core.JoinText(r.Parts), "\n")
	name := fmt.Sprintf("edit %s %s", r.To.Chat, lines[0])
	if err := b.call(ctx, name); err != nil {
		return core.Receipt{}, err
	}
	b.mu.Lock()
	_, stands := b.texts[id]
	if stands {
		b.texts[id] = lines[0]
	}
	b.mu.Unlock()
	if !stands {
		return core.Receipt{}, fault.New(fault.Permanent, "edit", nil)
	}
	if err := b.done(name); err != nil {
		return core.Receipt{}, err
	}
	return core.Receipt{Message: id, At: time.Now(), More: r.Final && len(lines) > 1}, nil
}

func (b *bot) Draft(ctx context.Context, r core.Reply) error {
	return b.call(ctx, fmt.Sprintf("draft %s %s", r.To.Chat, core.JoinText(r.Parts)))
}

func (b *bot) Typing(ctx context.Context, to core.Conversation) error {
	return b.call(ctx, fmt.Sprintf("typing %s", to.Chat))
}

// stands gives what a person sees in the chat.
func (b *bot) stands(chat core.ChatID) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, id := range b.shown[chat] {
		out = append(out, b.texts[id])
	}
	return out
}

func (b *bot) did() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

// on sets what the test says to calls from now on.
func (b *bot) on(before func(ctx context.Context, call string) error, after func(call string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before, b.after = before, after
}

// hub is a Deliverer at work, inside a bubble of synctest.
type hub struct {
	*adapters.Deliverer
	q      *lanes
	events *events
	end    func()
}

// Draft shows a draft of a turn whose lease holds.
func (h *hub) Draft(r core.Reply) {
	h.Deliverer.Draft(r, queue.Lease{Token: 1, Left: func() time.Duration { return time.Hour }})
}

// StopDraft ends the drafts of a turn that failed.
func (h *hub) StopDraft(id core.ReplyID) { h.Deliverer.StopDraft(context.Background(), id, 1) }

type events struct {
	mu  sync.Mutex
	all []core.Event
}

func (e *events) Observe(ev core.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) count(stage core.Stage) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, ev := range e.all {
		if ev.Stage == stage {
			n++
		}
	}
	return n
}

// deliver runs a Deliverer over the queue with these bots.
func deliver(t *testing.T, q queue.Queue, o adapters.DelivererOptions, bots ...adapters.Adapter) *hub {
	t.Helper()
	e := &events{}
	o.Queue, o.Observer, o.Log = q, e, zerolog.Nop()
	o.Adapters = map[core.Account]adapters.Adapter{}
	for _, b := range bots {
		o.Adapters[b.Describe().Account] = b
	}
	h := &hub{Deliverer: adapters.NewDeliverer(o), events: e}
	h.q, _ = q.(*lanes)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	h.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(h.end)
	synctest.Wait()
	return h
}

func private(account core.Account, chat core.ChatID) core.Conversation {
	return core.Conversation{Account: account, Place: core.Private, Chat: chat}
}

func group(account core.Account, chat core.ChatID) core.Conversation {
	return core.Conversation{Account: account, Place: core.Group, Chat: chat}
}

func reply(to core.Conversation, id core.ReplyID, text string) core.Reply {
	return core.Reply{ID: id, Final: true, To: to, Parts: []core.Part{core.Text{Text: text}}, Trace: "trace"}
}

// draft is a reply that grows; no text means typing.
func draft(to core.Conversation, id core.ReplyID, rev int, text string) core.Reply {
	r := reply(to, id, text)
	r.Final, r.Rev = false, rev
	if text == "" {
		r.Parts = nil
	}
	return r
}

// publish puts a reply into the outbox.
func publish(t *testing.T, q queue.Queue, r core.Reply) {
	t.Helper()
	body, err := core.EncodeReply(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Publish(t.Context(), queue.Lane(r.To), queue.Item{ID: string(r.ID), Body: body}); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}
