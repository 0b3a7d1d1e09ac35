package cluster

import (
	"context"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// Limits shares out what each account may call on its platform, between all nodes:
// by published rates, and by what the platform told while running. A hub alone asks
// nobody: it has the limiter of package adapters, and the rule is the same. Errors are
// faults; on one nobody knows whether a call may be made, and none is to be made.
// clustertest.Limits proves an implementation.
//
// What is remembered of an account or a chat is gone as soon as it says nothing any
// more.
type Limits interface {
	// Reserve asks for one call that must be made. On 0 it may be made now and is
	// counted; otherwise ask again after the wait: the place in line is kept, and given
	// up when it is not taken for a minute. A chat has one place, so only one caller at
	// a time may reserve for it.
	Reserve(ctx context.Context, c Call) (time.Duration, error)
	// Allow asks for one call that may as well not be made, and leaves a fifth of each
	// burst, and at least one call where it is more than one, to Reserve. When it says
	// true the call is counted.
	Allow(ctx context.Context, c Call) (bool, error)
	// Obey notes that the platform told to wait. Of a wait whose reach is unknown it is
	// assumed to hold for the chat, and for the account once a second chat of it is told
	// the same within TogetherWithin. After an error it is told again before the next
	// call of this account, by the node that was told.
	Obey(ctx context.Context, c Call, scope fault.Scope, wait time.Duration) error
}

const (
	// TogetherWithin is how close to each other two chats of an account are told to wait
	// where it is the account that must.
	TogetherWithin = 10 * time.Second
	// LateAfter is how late a place in an account's line may be taken. One that is
	// older is given up: many of them at once would be a burst nobody allowed.
	LateAfter = time.Second
	// PlaceKept is how long a place in line is kept for a chat that does not come.
	PlaceKept = time.Minute
)

// Call is one call to a platform, as far as limits tell calls apart.
type Call struct {
	Account core.Account
	Chat    core.ChatID
	// Method is the kind of call.
	Method string
	// OfAccount and OfChat are the rates it counts against.
	OfAccount, OfChat Rate
}

// Rate is one call each Every, and up to Burst at once, at least one. The zero Rate is
// no limit.
type Rate struct {
	Every time.Duration
	Burst int
}
