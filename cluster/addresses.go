package cluster

import (
	"context"
	"time"

	"github.com/parley-hub/parley/core"
)

// Addresses is the delivery table: where people can be reached, read by their id in one
// round trip. It remembers what the records keep, and is no truth of its own: what is not
// in it is read there and filled in. A hub alone has none, and reads the records. Errors
// are faults; on one the records are read. clustertest.Addresses proves an implementation.
//
// It never keeps what was read before a change: who is told by ForgetAddresses that a person's
// accounts changed refuses what was read for a Ticket of before.
type Addresses interface {
	// AddressesOf gives what is known of a person. Where nothing is, it gives a ticket to fill it in with.
	AddressesOf(ctx context.Context, person core.PersonID) (r Reachable, known bool, fill Ticket, err error)
	// FillAddresses keeps what was read of a person after the ticket was given, unless something
	// changed since then.
	FillAddresses(ctx context.Context, person core.PersonID, fill Ticket, r Reachable) error
	// HeardAt notes that an account of a person was heard, where something is known of them.
	// An older time than what is known is passed over. An account that is not known as
	// theirs makes all that is known of them forgotten: the records know better.
	HeardAt(ctx context.Context, person core.PersonID, at Address) error
	// ForgetAddresses drops what is known of people, since the records changed.
	ForgetAddresses(ctx context.Context, people ...core.PersonID) error
}

// AddressesKept is how long a person is known whom nobody hears.
const AddressesKept = 24 * time.Hour

// Ticket is the right to fill in a person.
type Ticket string

// Reachable is where a person can be reached and wants to be.
type Reachable struct {
	// Addresses come with the last one first.
	Addresses []Address
	// Mode is their wish, One the account of a wish that names one.
	Mode string
	One  core.PersonID
}

// Address is where an account of a person can be reached: its private chat through one
// of the bot's accounts.
type Address struct {
	Base core.PersonID
	In   core.Conversation
	// At is when the account was last heard there, in milliseconds.
	At time.Time
}
