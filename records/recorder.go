package records

import (
	"context"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// Recorder writes what comes out of the ledger mailbox into a store, and where people
// were heard.
type Recorder struct {
	store  Store
	people People
}

// NewRecorder makes a Recorder on stores that stay the caller's to close.
func NewRecorder(store Store, people People) *Recorder {
	return &Recorder{store: store, people: people}
}

// Handle stores encoded entries, in one transaction, and tells how many of the
// first bodies are done. It stops in front of a body that is no entry: those
// before it are stored, and the bad one is a Permanent fault once it is the first,
// so that a mailbox buries it and not a good one before it. err is nil whenever
// done is above 0.
func (r *Recorder) Handle(ctx context.Context, bodies [][]byte) (done int, err error) {
	entries := make([]Entry, 0, len(bodies))
	for i, body := range bodies {
		e, err := Decode(body)
		if err != nil {
			if i == 0 {
				return 0, fault.New(fault.Permanent, "read entry", err)
			}
			break
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return 0, nil
	}
	if err := r.store.Write(ctx, entries); err != nil {
		return 0, err
	}
	if err := r.people.Seen(ctx, heardAt(entries)); err != nil {
		return 0, err // the entries come again, which changes nothing
	}
	return len(entries), nil
}

// heardAt are the private chats in which people said or pressed something, the last
// time of each.
func heardAt(entries []Entry) []Address {
	type place struct {
		base    core.PersonID
		account core.Account
	}
	at := map[place]int{}
	var out []Address
	for _, e := range entries {
		if e.Direction != In || e.Conversation.Place != core.Private || e.Kind != core.KindMessage && e.Kind != core.KindAction {
			continue
		}
		p := place{e.Person, e.Conversation.Account}
		i, known := at[p]
		if !known {
			i = len(out)
			at[p], out = i, append(out, Address{})
		}
		if !e.At.Before(out[i].At) {
			out[i] = Address{Base: e.Person, In: e.Conversation, At: e.At}
		}
	}
	return out
}
