package records

import (
	"context"
	"errors"

	"github.com/parley-hub/parley/core"
)

// ErrClosed is returned by a store that was closed. It comes wrapped in a
// Retryable fault.
var ErrClosed = errors.New("records are closed")

// Store keeps entries. All methods are safe for concurrent use, and their errors
// are faults. recordstest.Run proves an implementation.
//
// An entry is stored under its account's own person (Entry.Person is a base, see
// People). Who asks for a person means all accounts that are this person now.
type Store interface {
	// Write stores the entries in one transaction: all or none. An entry whose id
	// is there already, and one from before its person's erasure, is passed over.
	// An entry that cannot be stored at all (Entry.Check) is a Permanent fault.
	Write(ctx context.Context, entries []Entry) error
	// Export hands all entries of one person to fn, both directions, in the order
	// of time, one after the other as they are read. It sees the records as they
	// were when it began. An error of fn ends it and is returned as it is.
	Export(ctx context.Context, person core.PersonID, fn func(Entry) error) error
	// Find gives the entry of the reply that a message of the bot is a piece of; false
	// when there is none, or not yet. Platforms name messages inside a chat.
	Find(ctx context.Context, account core.Account, chat core.ChatID, message core.MessageID) (e Entry, ok bool, err error)
	// Erase removes all entries of one person, in groups too, and tells how many
	// there were. What the person said up to now but has not been written yet will
	// not be stored either; what they say afterwards will.
	Erase(ctx context.Context, person core.PersonID) (n int64, err error)
	// Close ends the store. It is safe to repeat.
	Close() error
}
