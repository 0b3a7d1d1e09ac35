package router

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// peek is how many waiting envelopes a turn may look at: enough for an album of
// ten with its edits, and for what somebody types while an answer is made.
const peek = 32

// turnAttempts is how often a turn is run before its person is told that it
// failed: about ten seconds with the waits between.
const turnAttempts = 4

// holding is how long the conversations of a node that died are kept from the others:
// their people wait so long.
const holding = 10 * time.Second

// Drafts shows answers while they grow.
type Drafts interface {
	// Draft shows a reply that is not final, for as long as its turn's lease holds;
	// without parts, that the bot is typing. It returns at once.
	Draft(r core.Reply, turn queue.Lease)
	// Drafted tells whether anybody may have seen words of the draft.
	Drafted(id core.ReplyID) bool
	// SettleDraft is called before the final of a reply is committed. Once it returned, no
	// draft can overtake the final, whoever delivers it. Its time is bounded.
	SettleDraft(ctx context.Context, id core.ReplyID, turn queue.Token)
	// StopDraft ends the showing of a reply that will not come, or comes from another
	// turn: drafts of a later turn are left alone. Once it returned, nothing of it is under
	// way. Its time is bounded.
	StopDraft(ctx context.Context, id core.ReplyID, turn queue.Token)
}

// Ledger makes the ledger's item of an envelope that was dealt with.
type Ledger interface {
	Heard(e core.Envelope, r Route) (queue.Outgoing, error)
}

// DispatcherOptions make a dispatcher. All but Collect, Lane and Intents are required.
type DispatcherOptions struct {
	Queue    queue.Queue
	Table    *Table
	Skills   *skills.Set
	Memories Memories
	Drafts   Drafts
	// Lane gives the mailbox of a chat's replies, as queue.Lanes.Of; nil means queue.Lane.
	Lane func(to core.Conversation) queue.Key
	// Files gives the files of an envelope's turn.
	Files    func(core.Envelope) skills.Files
	Ledger   Ledger
	Observer core.Observer
	Log      zerolog.Logger
	Now      func() time.Time
	// Intents weighs messages that no rule claims before the default; nil for nobody.
	Intents Intents
	// Wrap puts the middleware around a skill.
	Wrap func(skills.Skill) skills.Handler
	// Slots is how many turns run at once.
	Slots int
	// Collect, when not 0, merges what one person said behind a running turn, with
	// pauses no longer than this, into one turn.
	Collect time.Duration
	// Ambient is how many lines said past the bot a group's session keeps.
	Ambient int
	// Grace is how long turns may finish at the end.
	Grace time.Duration
}

// Dispatcher runs turns.
type Dispatcher struct {
	o     DispatcherOptions
	brain atomic.Pointer[brain]
}

// brain is what routes and answers, exchanged as a whole.
type brain struct {
	table    *Table
	handlers map[string]skills.Handler
}

// NewDispatcher makes a dispatcher.
func NewDispatcher(o DispatcherOptions) *Dispatcher {
	if o.Lane == nil {
		o.Lane = queue.Lane
	}
	d := &Dispatcher{o: o}
	d.Use(o.Table, o.Skills)
	return d
}

// Use has the turns that begin from now on routed by another table, to other skills; those
// that run end as they began. It is called by one goroutine at a time.
func (d *Dispatcher) Use(t *Table, set *skills.Set) {
	b := &brain{table: t, handlers: map[string]skills.Handler{}}
	for _, s := range set.All() {
		b.handlers[s.Manifest().Name] = d.o.Wrap(s)
	}
	d.brain.Store(b)
}

// Handler gives a skill with its middleware, as turns that begin now have it.
func (d *Dispatcher) Handler(skill string) (h skills.Handler, ok bool) {
	h, ok = d.brain.Load().handlers[skill]
	return h, ok
}

// Run works through the inbox until ctx ends, then drains: turns that do not
// finish within the grace are handed back.
func (d *Dispatcher) Run(ctx context.Context) error {
	return d.o.Queue.Consume(ctx, queue.ConsumeOptions{
		Box: queue.Inbox, Slots: d.o.Slots, Batch: peek, MaxAttempts: turnAttempts, Lease: holding, Grace: d.o.Grace,
	}, d.handle)
}

// handle is one delivery: the life of design's steps 3 to 5.
func (d *Dispatcher) handle(ctx context.Context, del queue.Delivery) (queue.Commit, error) {
	envelopes, err := decode(del.Items)
	if err != nil {
		return queue.Commit{}, fault.New(fault.Permanent, "read envelope", err)
	}
	s, err := session.Load(del.Memory.Fields, del.Memory.Log, del.Memory.Memo)
	if err != nil {
		return queue.Commit{}, fault.New(fault.NeedsHuman, "read session", err)
	}
	head := envelopes[0]
	person, key, err := d.o.Memories.of(ctx, head)
	if err != nil {
		return queue.Commit{}, err
	}
	switch {
	case head.Kind == core.KindForget:
		return forget(s), nil // of this mailbox, whoever writes here now
	case s.Absorbed(head.ID):
		return d.absorbed(head)
	case Mailbox(key) != del.Key:
		return d.handOver(ctx, del, envelopes, s)
	case head.Kind == core.KindMoved:
		return d.move(head, del)
	case head.Kind == core.KindAdopt:
		return adopt(head, del), nil
	}
	g := gather(envelopes, s, d.o.Collect)
	g.rest = envelopes[g.done:]
	return d.turn(ctx, del, g, person, s)
}

// absorbed drops an envelope that an earlier turn answered already.
func (d *Dispatcher) absorbed(e core.Envelope) (queue.Commit, error) {
	out, err := d.ledger([]core.Envelope{e}, Route{Rule: "(merged)"})
	d.observe(core.Event{Stage: core.StageIgnored, Rule: "(merged)"}, e)
	return queue.Commit{Done: 1, Out: out}, err
}

// turn routes what was gathered, runs the skill and makes the commit.
func (d *Dispatcher) turn(ctx context.Context, del queue.Delivery, g gathered, person core.PersonID, s *session.Session) (queue.Commit, error) {
	e := g.envelope
	began := d.o.Now()
	d.observe(core.Event{Stage: core.StageTaken, Took: began.Sub(del.Since)}, e)
	b := d.brain.Load()
	route := d.route(ctx, b.table, e, person, s)
	out, err := d.ledger(g.all, route)
	if err != nil {
		return queue.Commit{}, err
	}
	w := &writer{
		reply: core.Reply{To: e.In, Person: e.From.Person(), Trace: e.Trace}, envelope: e, drafts: d.o.Drafts, turn: del.Lease(), lane: d.o.Lane,
	}
	if err := d.answer(ctx, del, e, person, route, b.handlers[route.Skill], s, w); err != nil {
		w.abandon(ctx)
		return d.failed(ctx, del, g, out, w, route, err)
	}
	return d.commit(ctx, del, g, s, out, w)
}

// route asks the table, and where that hangs on what the message is about has it weighed:
// once, on the time of the one conversation that waits for it.
func (d *Dispatcher) route(ctx context.Context, t *Table, e core.Envelope, person core.PersonID, s *session.Session) Route {
	r := t.Route(e, s, Meaning{})
	if !r.Unweighed || d.o.Intents == nil {
		return r
	}
	began := d.o.Now()
	r = t.Route(e, s, d.o.Intents.Weigh(ctx, e, person, r.Role))
	r.Took = d.o.Now().Sub(began)
	return r
}

// answer runs what the route names.
func (d *Dispatcher) answer(ctx context.Context, del queue.Delivery, e core.Envelope, person core.PersonID,
	route Route, handler skills.Handler, s *session.Session, w *writer,
) error {
	event := core.Event{Stage: core.StageRouted, Rule: route.Rule, Skill: route.Skill, Score: route.Score, Took: route.Took}
	if q, waits := s.Asked(e.In, e.From); waits && (route.Asked != nil || route.Cancelled || !q.Waits(e.SentAt)) {
		s.Unask(e.In, e.From) // with the turn: one that fails leaves the question open
	}
	switch {
	case route.Cancelled:
		d.observe(event, e)
		w.Reply(core.Text{Text: cancelled.In(e.From.Language)})
		return nil
	case route.Ignore:
		event.Stage = core.StageIgnored
		d.observe(event, e)
		if d.o.Ambient > 0 && e.In.Place == core.Group && e.Kind == core.KindMessage {
			s.Hear(session.Line{Name: e.From.Name, Text: e.Text()}, d.o.Ambient)
		}
		return nil
	case route.Refused:
		event.Stage = core.StageIgnored
		d.observe(event, e)
		w.Reply(core.Text{Text: refusal})
		return nil
	}
	d.observe(event, e)
	if handler == nil {
		return fault.New(fault.Bug, "route", errors.New("no skill "+route.Skill))
	}
	turn := &skills.Turn{
		ID: e.ID, Envelope: e, Args: route.Args, Person: person, Key: memoryOf(del.Key), Role: route.Role, Session: s,
		Model: route.Model, Rule: route.Rule, Now: d.o.Now(), Attempt: del.Attempt,
		Last: del.Last, Log: d.o.Log.With().EmbedObject(e).Logger(), Files: d.o.Files(e),
	}
	if route.Asked != nil {
		turn.Asked = &skills.Asked{Turn: route.Asked.Turn, State: route.Asked.State}
	}
	if err := handler.Handle(ctx, turn, w); err != nil {
		return err
	}
	return w.remember(s, route.Skill, d.o.Now())
}

const refusal = "Sorry, this bot is not open to everybody. Its operator can let you in."

// commit makes the one step that ends a turn. Where the turn itself moved the
// conversation to another memory, because it linked two accounts, the same step
// sends along what is remembered and what waits.
func (d *Dispatcher) commit(ctx context.Context, del queue.Delivery, g gathered, s *session.Session, out []queue.Outgoing, w *writer) (queue.Commit, error) {
	for _, id := range g.absorbed {
		s.Absorb(id)
	}
	w.settle(ctx)
	replies, err := w.outgoing()
	if err != nil {
		return queue.Commit{}, err
	}
	c := s.Changes()
	commit := queue.Commit{
		Done: g.done, Set: c.Set, Trim: c.Trim, Append: c.Append, Memo: c.Memo, Out: append(out, replies...),
		Then: func(took time.Duration) {
			d.observe(core.Event{Stage: core.StageCommitted, Took: took}, g.envelope)
		},
	}
	fields, log := c.Apply(del.Memory.Fields, del.Memory.Log)
	box, err := d.legacy(ctx, del.Key, g.envelope, fields, log)
	if err != nil || box == nil {
		return commit, err
	}
	waiting, done, err := d.strangers(ctx, del.Key, g.rest, s)
	if err != nil {
		return queue.Commit{}, err
	}
	commit.Set, commit.Trim = forgotten(del.Memory)
	commit.Append, commit.Memo = nil, nil
	commit.Done += done
	commit.Out = append(append(commit.Out, *box), waiting...)
	return commit, nil
}

// failed decides what becomes of a turn whose skill failed: tried again while
// that may help, else buried with a word to the person, in one step.
func (d *Dispatcher) failed(ctx context.Context, del queue.Delivery, g gathered, out []queue.Outgoing, w *writer,
	route Route, err error,
) (queue.Commit, error) {
	if ctx.Err() != nil {
		// Handed back, or taken over: not a failure of the turn.
		return queue.Commit{}, fault.New(fault.Retryable, "turn interrupted", context.Cause(ctx))
	}
	class := fault.ClassOf(err)
	again := (class == fault.Retryable || class == fault.RateLimited) && !del.Last
	if again {
		d.observe(core.Event{Stage: core.StageRetry, Skill: route.Skill, Err: err}, g.envelope)
		// A rate limit counts as an attempt here: a person waits for this turn.
		wait := min(fault.Wait(err), maxTurnWait)
		d.o.Log.Warn().Err(err).EmbedObject(g.envelope).Str("skill", route.Skill).Stringer("class", class).
			Int("attempt", del.Attempt).Dur("wait", wait).Msg("turn failed, it is tried again")
		return queue.Commit{}, fault.New(fault.Retryable, "turn", err, fault.WithWait(wait))
	}
	ref := fault.Ref(err)
	if ref == "" {
		ref = fault.NewRef()
	}
	d.o.Log.Error().Err(err).EmbedObject(g.envelope).Str("skill", route.Skill).Stringer("class", class).
		Str("ref", ref).Int("attempts", del.Attempt).Msg("turn failed, message buried")
	words := fault.Public(err)
	if words == "" {
		words = "Something went wrong on my side."
	}
	w.apologise(words + " (" + ref + ")")
	replies, encodeErr := w.outgoing()
	if encodeErr != nil {
		return queue.Commit{}, encodeErr
	}
	d.observe(core.Event{Stage: core.StageBuried, Skill: route.Skill, Err: err}, g.envelope)
	return queue.Commit{
		Done: g.done, Bury: class.String() + ": " + err.Error() + " (ref " + ref + ")", Out: append(out, replies...),
	}, nil
}

// maxTurnWait bounds the wait between two runs of a turn, whatever a worker asks
// for: past it the person is told instead.
const maxTurnWait = 15 * time.Second

func (d *Dispatcher) ledger(envelopes []core.Envelope, r Route) ([]queue.Outgoing, error) {
	out := make([]queue.Outgoing, 0, len(envelopes)+1)
	for _, e := range envelopes {
		item, err := d.o.Ledger.Heard(e, r)
		if err != nil {
			return nil, fault.New(fault.Bug, "encode record", err)
		}
		out = append(out, item)
	}
	return out, nil
}

func (d *Dispatcher) observe(ev core.Event, e core.Envelope) {
	ev.At, ev.Trace, ev.Account, ev.Kind = d.o.Now(), e.Trace, e.In.Account, e.Kind
	d.o.Observer.Observe(ev)
}
