package records

import (
	"context"

	"github.com/parley-hub/parley/core/fault"
)

// Recorder writes what comes out of the ledger mailbox into a store.
type Recorder struct{ store Store }

// NewRecorder makes a Recorder on store, which stays the caller's to close.
func NewRecorder(store Store) *Recorder { return &Recorder{store: store} }

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
	return len(entries), nil
}
