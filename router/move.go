package router

import (
	"context"
	"errors"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/session"
)

// parcel is a memory on its way to where it belongs now; because is the envelope
// that found out, and says whose memory it is.
func parcel(because core.Envelope, from queue.Key, in core.Conversation, fields map[string][]byte, log [][]byte) core.Envelope {
	return core.Envelope{
		ID:   core.NewEnvelopeID(because.In.Account, core.KindAdopt, string(because.ID), from.Scope, from.Owner),
		Kind: core.KindAdopt, In: in, From: because.From, SentAt: because.SentAt, Trace: because.Trace,
		Parts: []core.Part{core.Adoption{Fields: fields, Log: log}},
	}
}

// forgotten is the change that leaves nothing of a memory.
func forgotten(m queue.Memory) (set map[string][]byte, trim int) {
	set = make(map[string][]byte, len(m.Fields))
	for name := range m.Fields {
		set[name] = nil
	}
	return set, len(m.Log)
}

// move sends a place's memory after it: the place goes on under another id, so
// this mailbox empties itself and posts what it knew to the new one.
func (d *Dispatcher) move(e core.Envelope, del queue.Delivery) (queue.Commit, error) {
	var to core.Conversation
	for _, p := range e.Parts {
		if m, ok := p.(core.Moved); ok {
			to = m.To
		}
	}
	if to.Chat == "" || to.Place == core.Private {
		return queue.Commit{}, fault.New(fault.Permanent, "move", errors.New("the event does not say where to"))
	}
	out, err := envelopeItem(parcel(e, del.Key, to, del.Memory.Fields, del.Memory.Log), d.o.Memories.Policy.KeyOf(to, e.From, ""))
	if err != nil {
		return queue.Commit{}, err
	}
	set, trim := forgotten(del.Memory)
	return queue.Commit{Done: 1, Set: set, Trim: trim, Out: []queue.Outgoing{out}, Then: d.gone("(moved)", e)}, nil
}

// adopt takes over a memory: what was remembered elsewhere joins what was said here.
func adopt(e core.Envelope, del queue.Delivery) queue.Commit {
	c := queue.Commit{Done: 1}
	for _, p := range e.Parts {
		if a, ok := p.(core.Adoption); ok {
			m := session.Merge(del.Memory.Fields, del.Memory.Log, a.Fields, a.Log)
			c.Set, c.Trim, c.Append = m.Set, m.Trim, m.Append
		}
	}
	return c
}

// forget leaves nothing but which waiting envelopes were answered already.
func forget(s *session.Session) queue.Commit {
	s.Forget()
	c := s.Changes()
	return queue.Commit{Done: 1, Set: c.Set, Trim: c.Trim}
}

// handOver deals with a mailbox whose first envelope belongs to another memory:
// the sender's account was linked, or its link was taken away, after the envelope
// was stored, or the policy is another one. It posts the first envelopes, as far as
// they are strangers here, each to where it belongs. A person who became part of
// another takes the memory along, in front of them.
func (d *Dispatcher) handOver(ctx context.Context, del queue.Delivery, envelopes []core.Envelope, s *session.Session) (queue.Commit, error) {
	out, done, err := d.strangers(ctx, del.Key, envelopes, s)
	if err != nil {
		return queue.Commit{}, err
	}
	c := queue.Commit{Done: done, Then: d.gone("(handed over)", envelopes[0])}
	box, err := d.legacy(ctx, del.Key, envelopes[0], del.Memory.Fields, del.Memory.Log)
	if err != nil {
		return queue.Commit{}, err
	}
	if box != nil {
		c.Set, c.Trim = forgotten(del.Memory)
		c.Out = append(c.Out, *box)
	}
	c.Out = append(c.Out, out...)
	return c, nil
}

// gone tells that an envelope went on to another mailbox, once it did.
func (d *Dispatcher) gone(rule string, e core.Envelope) func(time.Duration) {
	return func(time.Duration) { d.observe(core.Event{Stage: core.StageIgnored, Rule: rule}, e) }
}

// strangers gives the first envelopes that do not belong into a mailbox, on their
// way to where they do, and how many there are. One that was answered already is
// no stranger: only here it is known.
func (d *Dispatcher) strangers(ctx context.Context, box queue.Key, envelopes []core.Envelope, s *session.Session) ([]queue.Outgoing, int, error) {
	var out []queue.Outgoing
	for _, e := range envelopes {
		_, key, err := d.o.Memories.of(ctx, e)
		if err != nil {
			return nil, 0, err
		}
		if key == memoryOf(box) || e.Kind == core.KindForget || s.Absorbed(e.ID) {
			break
		}
		item, err := envelopeItem(e, key)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, item)
	}
	return out, len(out), nil
}

// legacy is what a mailbox remembers on its way to where the envelope belongs; nil
// when it stays: the memory of a person moves only when no account is that person
// any more, and only to another person's.
func (d *Dispatcher) legacy(ctx context.Context, box queue.Key, e core.Envelope, fields map[string][]byte, log [][]byte) (*queue.Outgoing, error) {
	from := memoryOf(box)
	if from.Scope != session.OfPerson || len(fields)+len(log) == 0 {
		return nil, nil
	}
	_, to, err := d.o.Memories.of(ctx, e)
	if err != nil {
		return nil, err
	}
	if to.Scope != session.OfPerson || from == to {
		return nil, nil
	}
	lives, err := d.o.Memories.Directory.Lives(ctx, core.PersonID(from.Owner))
	if err != nil {
		return nil, fault.New(fault.RateLimited, "look up person", err, fault.WithWait(askAgain))
	}
	if lives {
		return nil, nil
	}
	out, err := envelopeItem(parcel(e, box, e.In, fields, log), to)
	return &out, err
}
