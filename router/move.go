package router

import (
	"errors"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

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
	parcel := core.Envelope{
		ID: core.NewEnvelopeID(e.In.Account, core.KindAdopt, string(e.ID)), Kind: core.KindAdopt, In: to,
		SentAt: e.SentAt, Trace: e.Trace,
		Parts: []core.Part{core.Adoption{Fields: del.Memory.Fields, Log: del.Memory.Log}},
	}
	out, err := envelopeItem(parcel, "")
	if err != nil {
		return queue.Commit{}, err
	}
	forget := make(map[string][]byte, len(del.Memory.Fields))
	for name := range del.Memory.Fields {
		forget[name] = nil
	}
	d.observe(core.Event{Stage: core.StageIgnored, Rule: "(moved)"}, e)
	return queue.Commit{Done: 1, Set: forget, Trim: len(del.Memory.Log), Out: []queue.Outgoing{out}}, nil
}

// adopt takes over a memory: what was remembered elsewhere comes before what was
// said here since.
func adopt(e core.Envelope, del queue.Delivery) (queue.Commit, error) {
	c := queue.Commit{Done: 1, Set: map[string][]byte{}}
	for _, p := range e.Parts {
		a, ok := p.(core.Adoption)
		if !ok {
			continue
		}
		for name, value := range a.Fields {
			if _, own := del.Memory.Fields[name]; !own {
				c.Set[name] = value
			}
		}
		c.Trim = len(del.Memory.Log)
		c.Append = append(append(c.Append, a.Log...), del.Memory.Log...)
	}
	return c, nil
}
