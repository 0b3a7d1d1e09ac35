// Package queuetest is the contract of package queue as a test suite. Every
// engine calls Run from its own tests; what it does not promise it says in
// Features.
//
// The suite waits for events. Where a lease must lapse or an item must settle it
// uses short ones and checks only that nothing came too early.
package queuetest

import (
	"cmp"
	"testing"
	"time"

	"github.com/parley-hub/parley/queue"
)

// Bounds are the limits a test asks for; 0 leaves a limit to the engine, which
// must then be at least 1000 items a mailbox and 10 000 in all.
type Bounds struct {
	MaxItems  int
	MaxPerKey int
}

// Features tell what an engine promises beyond the eleven points.
type Features struct {
	// Durable: a store that is opened again holds everything it held.
	Durable bool
	// ExactTotal: ErrBusy comes at exactly Bounds.MaxItems waiting items.
	ExactTotal bool
	// ManyLines: the mailboxes are spread over parts with a line of ready ones each,
	// so that nobody knows which of two comes first. What needs one line is left out;
	// such an engine must be proved a second time where it has one.
	ManyLines bool
}

// Harness makes engines for the suite.
type Harness struct {
	Features Features
	// Lease is how short a lease may be that a holder is sure to see, past the stalls
	// of a busy machine and of what the engine talks through; one of twice that is
	// kept by heartbeats. 0 means 100 ms.
	Lease time.Duration
	// Open gives an engine over a fresh store. It registers its own clean-up with
	// t, which includes Close.
	Open func(t *testing.T, b Bounds) queue.Queue
	// Reopen ends an engine that Open or Reopen gave, as a crash or a clean close
	// would, and opens the same store again. Needed where Durable is promised.
	Reopen func(t *testing.T, q queue.Queue) queue.Queue
}

// lease is for leases that must lapse.
func (h Harness) lease() time.Duration { return cmp.Or(h.Lease, shortLease) }

// Run proves an engine against the contract.
func Run(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, h Harness)
	}{
		{"01 accept", testAccept},
		{"01 accept concurrently", testAcceptConcurrently},
		{"01 busy mailbox", testBusyMailbox},
		{"01 busy engine", testBusyEngine},
		{"02 order and exclusion", testOrder},
		{"03 no head of line blocking", testNoBlocking},
		{"04 lease is kept", testLeaseKept},
		{"04 lease lapses", testLeaseLapses},
		{"05 fencing", testFencing},
		{"06 commit", testCommit},
		{"06 commit is atomic", testCommitAtomic},
		{"06 commit with nothing done", testDoneZero},
		{"06 commit that buries", testCommitBuries},
		{"06 memory is shared safely", testMemoryShared},
		{"06 a commit is told of", testThen},
		{"06 memo", testMemo},
		{"07 batches", testBatches},
		{"07 settle", testSettle},
		{"08 retry keeps order", testRetry},
		{"08 attempts end", testAttemptsEnd},
		{"08 fault classes", testClasses},
		{"08 deaths count", testDeathsCount},
		{"09 fairness", testFairness},
		{"10 drain finishes", testDrainFinishes},
		{"10 drain hands back", testDrainHandsBack},
		{"11 stats", testStats},
		{"notes", testNotes},
		{"dead letters", testLetters},
		{"close", testClose},
		{"misuse", testMisuse},
		{"reopen", testReopen},
		{"model", testModel},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, h) })
	}
}
