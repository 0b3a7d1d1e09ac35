package app

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters/recent"
	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/session"
)

// deliveryTable tells where people can be reached: out of the table that nodes share,
// where there is one, and out of the records, which are what holds.
type deliveryTable struct {
	records   *records.SQL
	directory *session.Linked
	// shared is nil for a hub alone.
	shared cluster.Addresses
	log    zerolog.Logger
	// noted tells where a person was heard last, as the table was told.
	noted *recent.Map[core.PersonID, cluster.Address]
}

// noteEvery is how often the table is told that somebody is still heard at one place.
const noteEvery = time.Minute

func newDeliveryTable(r *records.SQL, d *session.Linked, shared cluster.Addresses, log zerolog.Logger) *deliveryTable {
	return &deliveryTable{records: r, directory: d, shared: shared, log: log, noted: recent.Of[core.PersonID, cluster.Address](recent.DefaultMost)}
}

// Reachable implements router.DeliveryTable.
func (t *deliveryTable) Reachable(ctx context.Context, person core.PersonID) ([]session.Address, session.Reach, error) {
	if t.shared == nil {
		return t.read(ctx, person)
	}
	r, known, ticket, err := t.shared.AddressesOf(ctx, person)
	if err != nil {
		t.log.Debug().Err(err).Msg("the delivery table cannot be read, the records are")
		return t.read(ctx, person)
	}
	if !known {
		return t.fill(ctx, person, ticket)
	}
	addresses, wish := sessionReachable(r)
	ok, err := t.theirs(ctx, person, addresses)
	if err != nil {
		return nil, session.Reach{}, err
	}
	if !ok {
		// Left over from before a link or an unlink, by a Redis that lost the end of its
		// history, or a node that died in between.
		t.forget(ctx, person)
		return t.read(ctx, person)
	}
	return addresses, wish, nil
}

// read reads the records.
func (t *deliveryTable) read(ctx context.Context, person core.PersonID) ([]session.Address, session.Reach, error) {
	list, err := t.records.Addresses(ctx, person)
	if err != nil {
		return nil, session.Reach{}, err
	}
	wish, err := t.records.Reach(ctx, person)
	if err != nil {
		return nil, session.Reach{}, err
	}
	out := make([]session.Address, len(list))
	for i, a := range list {
		out[i] = session.Address(a)
	}
	return out, session.Reach{Mode: session.Mode(wish.Mode), Base: wish.Base}, nil
}

// fill reads the records and leaves what they say in the table.
func (t *deliveryTable) fill(ctx context.Context, person core.PersonID, ticket cluster.Ticket) ([]session.Address, session.Reach, error) {
	addresses, wish, err := t.read(ctx, person)
	if err != nil {
		return nil, session.Reach{}, err
	}
	r := cluster.Reachable{Mode: string(wish.Mode), One: wish.Base}
	for _, a := range addresses {
		r.Addresses = append(r.Addresses, cluster.Address(a))
	}
	if err := t.shared.FillAddresses(ctx, person, ticket, r); err != nil {
		t.log.Debug().Err(err).Msg("the delivery table was not filled")
	}
	return addresses, wish, nil
}

// theirs tells whether all addresses are of accounts that are this person now.
func (t *deliveryTable) theirs(ctx context.Context, person core.PersonID, addresses []session.Address) (bool, error) {
	asked := map[core.PersonID]bool{}
	for _, a := range addresses {
		if asked[a.Base] {
			continue
		}
		asked[a.Base] = true
		now, err := t.directory.Person(ctx, a.Base)
		if err != nil || now != person {
			return false, err
		}
	}
	return true, nil
}

func sessionReachable(r cluster.Reachable) ([]session.Address, session.Reach) {
	out := make([]session.Address, len(r.Addresses))
	for i, a := range r.Addresses {
		out[i] = session.Address(a)
	}
	return out, session.Reach{Mode: session.Mode(r.Mode), Base: r.One}
}

// heard tells the table where somebody was heard, at most once in noteEvery for as long
// as they stay at one place. Best effort: the records have it.
func (t *deliveryTable) heard(ctx context.Context, a records.Address) {
	if t.shared == nil {
		return
	}
	// A guess may be of before a link: then the table forgets, or keeps what is not given.
	person := t.directory.GuessOf(a.Base)
	last, known := t.noted.Get(person)
	if known && last.Base == a.Base && last.In.Account == a.In.Account && last.In.Chat == a.In.Chat && a.At.Sub(last.At) < noteEvery {
		return
	}
	if err := t.shared.HeardAt(ctx, person, cluster.Address(a)); err != nil {
		t.log.Debug().Err(err).Msg("the delivery table was not told where somebody was heard")
		return
	}
	t.noted.Set(person, cluster.Address(a))
}

// forget drops people from the table: what the records say of them changed. Where it
// fails somebody may be reached, for a day at most, where they were before they changed
// it; never where somebody else is.
func (t *deliveryTable) forget(ctx context.Context, people ...core.PersonID) {
	if err := t.drop(ctx, people...); err != nil {
		t.log.Warn().Err(err).Msg("the delivery table was not told that people changed")
	}
}

func (t *deliveryTable) drop(ctx context.Context, people ...core.PersonID) error {
	if t.shared == nil {
		return nil
	}
	return t.shared.ForgetAddresses(ctx, people...)
}

// hearing is the people of the records, where they are told who was heard where.
type hearing struct {
	records.People
	table *deliveryTable
}

// Seen implements records.People. The table is told behind the records: it must not know
// what they do not.
func (h hearing) Seen(ctx context.Context, at []records.Address) error {
	if err := h.People.Seen(ctx, at); err != nil {
		return err
	}
	for _, a := range at {
		h.table.heard(ctx, a)
	}
	return nil
}
