package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/test/redistest"
)

// strict is a platform with one account, which notes every call of every node, and
// after it told to wait counts those that did not.
type strict struct {
	rates adapters.Limits

	mu     sync.Mutex
	calls  []made
	tells  time.Duration
	scope  fault.Scope
	until  time.Time
	early  []made
	texts  []string
	called chan struct{} // closed and replaced by each call
}

// made is a call that a node made.
type made struct {
	node string
	what string
	at   time.Time
}

func newStrict(l adapters.Limits) *strict {
	return &strict{rates: l, called: make(chan struct{})}
}

func (s *strict) call(node, what, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := made{node, what, time.Now()}
	s.calls = append(s.calls, m)
	close(s.called)
	s.called = make(chan struct{})
	if m.at.Before(s.until) {
		s.early = append(s.early, m)
	}
	if wait := s.tells; wait > 0 {
		s.tells, s.until = 0, m.at.Add(wait)
		return fault.New(fault.RateLimited, what, errors.New("429"), fault.WithWait(wait), fault.WithScope(s.scope))
	}
	if text != "" {
		s.texts = append(s.texts, text)
	}
	return nil
}

// seen waits until the calls so far are as they should be.
func (s *strict) seen(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(redistest.Patience)
	for {
		s.mu.Lock()
		done, next := ok(), s.called
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-next:
		case <-late:
			t.Fatalf("never: %s; calls %v", what, s.calls)
		}
	}
}

func (s *strict) by(node string) (n int) {
	for _, c := range s.calls {
		if c.node == node {
			n++
		}
	}
	return n
}

// client is a node's way to the platform.
type client struct {
	*strict
	node string
}

func (c client) Describe() adapters.Description {
	return adapters.Description{Account: "a", Platform: "test", Capabilities: adapters.Capabilities{
		Limits: c.rates, DraftsIn: []core.Place{core.Private}, TypingFor: 100 * time.Millisecond,
		DraftEvery: map[core.Place]time.Duration{core.Private: 20 * time.Millisecond},
	}}
}

func (c client) Run(ctx context.Context, _ adapters.Inbox) error {
	<-ctx.Done()
	return nil
}

func (c client) Send(_ context.Context, r core.Reply) (core.Receipt, error) {
	if err := c.call(c.node, "send", core.JoinText(r.Parts)); err != nil {
		return core.Receipt{}, err
	}
	return core.Receipt{Message: core.MessageID("m-" + string(r.ID)), At: time.Now()}, nil
}

func (c client) Draft(context.Context, core.Reply) error { return c.call(c.node, "draft", "") }

func (c client) Typing(context.Context, core.Conversation) error { return c.call(c.node, "typing", "") }

// node is a hub process, as far as it delivers.
type node struct {
	*adapters.Deliverer
	queue  *redisq.Engine
	shared *redisc.Engine
	events chan core.Event
}

// deliverers starts nodes on one Redis.
func deliverers(t *testing.T, url string, s *strict, names ...string) map[string]*node {
	t.Helper()
	nodes := map[string]*node{}
	for _, name := range names {
		q, err := redisq.Open(t.Context(), redisq.Options{URL: secret.New(url)})
		if err != nil {
			t.Fatal(err)
		}
		shared, err := redisc.Open(t.Context(), redisc.Options{URL: secret.New(url)})
		if err != nil {
			t.Fatal(err)
		}
		all := map[core.Account]adapters.Adapter{"a": client{s, name}}
		n := &node{queue: q, shared: shared, events: make(chan core.Event, 10_000)}
		n.Deliverer = adapters.NewDeliverer(adapters.DelivererOptions{
			Queue: q, Adapters: all, Limiter: newLimits(shared, all), Slots: 4,
			Observer: core.ObserverFunc(func(e core.Event) { n.events <- e }),
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- n.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := errors.Join(<-ended, q.Close(), shared.Close()); err != nil {
				t.Errorf("node %s: %v", name, err)
			}
		})
		nodes[name] = n
	}
	return nodes
}

func (n *node) say(t *testing.T, chat int, text string) {
	t.Helper()
	r := core.Reply{ID: core.ReplyID(fmt.Sprint("chat", chat, text)), Final: true, To: chatOf(chat), Parts: []core.Part{core.Text{Text: text}}}
	body, err := core.EncodeReply(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.queue.Publish(t.Context(), queue.Lane(r.To), queue.Item{ID: string(r.ID), Body: body}); err != nil {
		t.Fatal(err)
	}
}

func chatOf(n int) core.Conversation {
	return core.Conversation{Account: "a", Place: core.Private, Chat: core.ChatID(strconv.Itoa(n))}
}

func (n *node) saw(t *testing.T, stage core.Stage) {
	t.Helper()
	late := time.After(redistest.Patience)
	for {
		select {
		case e := <-n.events:
			if e.Stage == stage {
				return
			}
		case <-late:
			t.Fatalf("never %s", stage)
		}
	}
}

// TestNodesObeyTogether is law 5: what the platform told one node is obeyed by both, by
// drafts and finals alike, to the end of the wait; then everything goes out.
func TestNodesObeyTogether(t *testing.T) {
	for _, scope := range []fault.Scope{fault.ScopeAccount, fault.ScopeMethod, fault.ScopeUnknown} {
		t.Run(fmt.Sprint("scope ", scope), func(t *testing.T) {
			s := newStrict(adapters.Limits{})
			s.tells, s.scope = 1500*time.Millisecond, scope
			url := redistest.Start(t).URL()
			first := deliverers(t, url, s, "one")["one"]
			first.say(t, 0, "told")
			first.saw(t, core.StageRetry)
			chats := 30
			if scope == fault.ScopeUnknown {
				chats = 1 // for one chat is all that is known
			}
			second := deliverers(t, url, s, "two")["two"]
			for i := range chats {
				first.say(t, i, "final")
				if scope != fault.ScopeMethod { // drafts are another method
					second.Draft(core.Reply{ID: core.ReplyID(fmt.Sprint("draft", i)), To: chatOf(i), Parts: []core.Part{core.Text{Text: "grows"}}}, queue.Lease{Token: 1, Left: func() time.Duration { return time.Minute }})
				}
			}
			s.seen(t, "all finals", func() bool { return len(s.texts) == chats+1 })
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.early) > 0 {
				t.Errorf("%d calls before the wait was over, the first %v before: %v", len(s.early), s.until.Sub(s.early[0].at), s.early[0])
			}
			if chats > 1 && (s.by("one") < 2 || s.by("two") == 0) {
				t.Errorf("one node did it all: %d and %d calls", s.by("one"), s.by("two"))
			}
		})
	}
}

// TestNodesKeepTheRateTogether: two nodes call no faster than one may.
func TestNodesKeepTheRateTogether(t *testing.T) {
	const messages, burst, every = 60, 5, 20 * time.Millisecond
	s := newStrict(adapters.Limits{Account: adapters.Rate{Count: int(time.Second / every), Per: time.Second, Burst: burst}})
	nodes := deliverers(t, redistest.Start(t).URL(), s, "one", "two")
	began := time.Now()
	for i := range messages {
		nodes["one"].say(t, i, "final")
	}
	s.seen(t, "all finals", func() bool { return len(s.texts) == messages })
	s.mu.Lock()
	defer s.mu.Unlock()
	if took, least := s.calls[messages-1].at.Sub(began), (messages-burst)*every; took < least {
		t.Errorf("%d messages in %v; the rate allows them in %v", messages, took, least)
	}
	if s.by("one") == 0 || s.by("two") == 0 {
		t.Errorf("one node did it all: %d and %d calls", s.by("one"), s.by("two"))
	}
}
