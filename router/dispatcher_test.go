package router_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/sqliteq"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/session/sessiontest"
	"github.com/parley-hub/parley/skills"
)

// patience is how long a test waits for something that must happen.
const patience = 30 * time.Second

// rig is a dispatcher over the real engine with one scripted skill behind it.
type rig struct {
	t       *testing.T
	queue   queue.Queue
	intake  *router.Intake
	opts    router.DispatcherOptions
	replies chan core.Reply
	mu      sync.Mutex
	drafts  []core.Reply
	stopped []core.ReplyID
	settled []core.ReplyID
	events  []core.Event
	heard   []core.EnvelopeID
	watch   chan struct{}
	n       int
}

var unlinked = router.Memories{Directory: sessiontest.Unlinked{}}

type script struct {
	name string
	do   func(ctx context.Context, t *skills.Turn, w skills.Writer) error
}

func (s script) Manifest() skills.Manifest { return skills.Manifest{Name: s.name} }
func (s script) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	return s.do(ctx, t, w)
}

// echo answers with what was said and remembers it.
func echo(_ context.Context, t *skills.Turn, w skills.Writer) error {
	words := t.Envelope.Text()
	t.Session.Append(session.Turn{ID: t.ID, At: t.Now, Said: []session.Line{{Text: words}}, Answer: "re: " + words, Tokens: 1})
	w.Reply(core.Text{Text: "re: " + words})
	return nil
}

func newRig(t *testing.T, do func(context.Context, *skills.Turn, skills.Writer) error, change func(*router.DispatcherOptions)) *rig {
	t.Helper()
	q, err := sqliteq.Open(t.Context(), sqliteq.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	set, err := skills.NewSet(script{"chat", do}, script{"help", do}, script{"start", do}, script{"poll", do})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, queue: q, replies: make(chan core.Reply, 1000), watch: make(chan struct{}, 10_000)}
	r.opts = router.DispatcherOptions{
		Files: func(core.Envelope) skills.Files { return nil },
		Queue: q, Table: table(t, nil), Skills: set, Memories: unlinked, Drafts: r, Ledger: r, Observer: r,
		Log: zerolog.Nop(), Now: time.Now, Slots: 8, Grace: patience,
		Wrap: func(s skills.Skill) skills.Handler { return skills.Chain(s, skills.Recover()) },
	}
	if change != nil {
		change(&r.opts)
	}
	r.intake = router.NewIntake(q, r.opts.Memories, r, time.Now)
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) Draft(d core.Reply, turn queue.Lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drafts = append(r.drafts, d)
	if turn.Left() <= 0 || turn.Token == 0 {
		r.t.Errorf("a draft of a turn that holds nothing: %+v", d)
	}
}

// Drafted tells that what was drafted was seen, but for what is hidden.
func (r *rig) Drafted(id core.ReplyID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.drafts, func(d core.Reply) bool {
		return d.ID == id && len(d.Parts) > 0 && core.JoinText(d.Parts) != "hidden"
	})
}

func (r *rig) SettleDraft(_ context.Context, id core.ReplyID, _ queue.Token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled = append(r.settled, id)
	for _, e := range r.heard {
		if strings.HasPrefix(string(id), string(e)) {
			r.t.Errorf("draft %s is settled after the commit", id)
		}
	}
}

func (r *rig) StopDraft(_ context.Context, id core.ReplyID, _ queue.Token) {
	r.mu.Lock()
	r.stopped = append(r.stopped, id)
	r.mu.Unlock()
}
func (r *rig) Observe(e core.Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	r.watch <- struct{}{}
}
func (r *rig) Heard(e core.Envelope, _ router.Route) (queue.Outgoing, error) {
	return queue.Outgoing{Key: queue.Key{Box: queue.Ledger, Owner: "x"}, Item: queue.Item{ID: string(e.ID)}}, nil
}

// run starts the dispatcher and a reader of the outbox and ledger; the returned
// function stops both and waits.
func (r *rig) run() (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	start := func(f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil {
				r.t.Error(err)
			}
		})
	}
	start(router.NewDispatcher(r.opts).Run)
	start(func(ctx context.Context) error {
		return r.queue.Consume(ctx, queue.ConsumeOptions{Box: queue.Outbox}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
			reply, err := core.DecodeReply(d.Items[0].Body)
			if err != nil {
				r.t.Error(err)
			}
			r.replies <- reply
			return queue.Commit{Done: 1}, nil
		})
	})
	start(func(ctx context.Context) error {
		return r.queue.Consume(ctx, queue.ConsumeOptions{Box: queue.Ledger}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
			r.mu.Lock()
			r.heard = append(r.heard, core.EnvelopeID(d.Items[0].ID))
			r.mu.Unlock()
			return queue.Commit{Done: 1}, nil
		})
	})
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	r.t.Cleanup(stop)
	return stop
}

// say publishes what somebody says, with ids of its own.
func (r *rig) say(e core.Envelope, change ...func(*core.Envelope)) core.Envelope {
	r.t.Helper()
	r.n++
	e.ID = core.NewEnvelopeID(e.In.Account, e.Kind, fmt.Sprint(r.n))
	e.Native = core.MessageID(fmt.Sprint(r.n))
	e.SentAt = time.Unix(int64(r.n), 0)
	for _, c := range change {
		c(&e)
	}
	if err := r.intake.Accept(r.t.Context(), e); err != nil {
		r.t.Fatal(err)
	}
	return e
}

func (r *rig) next() core.Reply {
	r.t.Helper()
	select {
	case reply := <-r.replies:
		return reply
	case <-time.After(patience):
		r.t.Fatal("no reply came")
		return core.Reply{}
	}
}

func (r *rig) text() string { r.t.Helper(); return core.JoinText(r.next().Parts) }

// until waits until cond holds; it looks after each event.
func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	for late := time.After(patience); ; {
		r.mu.Lock()
		ok := cond()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.watch:
		case <-time.After(20 * time.Millisecond): // what cond looks at may tell no event
		case <-late:
			r.t.Fatal("never: " + what)
		}
	}
}

func (r *rig) count(stage core.Stage) int {
	n := 0
	for _, e := range r.events {
		if e.Stage == stage {
			n++
		}
	}
	return n
}
