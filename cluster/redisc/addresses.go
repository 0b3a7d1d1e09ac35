package redisc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/redisconn"
)

// droppedKept is how long it is remembered that a person was dropped: by then whoever
// read the records before has filled them in, or never will.
const droppedKept = 10 * time.Minute

var (
	fillScript   = script("addresses_fill")
	heardScript  = script("addresses_heard")
	forgetScript = script("addresses_forget")
)

// storedWish and storedChat are how a wish and a place are stored.
type storedWish struct {
	Mode string        `json:"m"`
	One  core.PersonID `json:"o,omitempty"`
}

type storedChat struct {
	Chat   core.ChatID   `json:"c"`
	Thread core.ThreadID `json:"t,omitempty"`
}

// AddressesOf is one round trip.
func (e *Engine) AddressesOf(ctx context.Context, person core.PersonID) (r cluster.Reachable, known bool, fill cluster.Ticket, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	const op = "read addresses"
	fields, err := e.rdb.HGetAll(ctx, addressesKey(e.o.Prefix, person)).Result()
	if err != nil {
		return r, false, "", redisconn.Classify(op, err)
	}
	if fields["f"] == "" {
		return r, false, cluster.Ticket(fields["g"]), nil
	}
	if r, err = readReachable(fields); err != nil {
		return r, false, "", fault.New(fault.Bug, op, err)
	}
	return r, true, "", nil
}

// FillAddresses is one round trip.
func (e *Engine) FillAddresses(ctx context.Context, person core.PersonID, fill cluster.Ticket, r cluster.Reachable) error {
	args := []any{string(fill), cluster.AddressesKept.Milliseconds(), asJSON(storedWish{r.Mode, r.One})}
	for _, a := range r.Addresses {
		args = append(args, addressField(a), addressValue(a))
	}
	_, err := e.run(ctx, "keep addresses", fillScript, []string{addressesKey(e.o.Prefix, person)}, args...)
	return err
}

// HeardAt is one round trip.
func (e *Engine) HeardAt(ctx context.Context, person core.PersonID, at cluster.Address) error {
	_, err := e.run(ctx, "note an address", heardScript, []string{addressesKey(e.o.Prefix, person)},
		addressField(at), addressValue(at), cluster.AddressesKept.Milliseconds(), droppedKept.Milliseconds())
	return err
}

// ForgetAddresses is one round trip for each.
func (e *Engine) ForgetAddresses(ctx context.Context, people ...core.PersonID) error {
	var errs []error
	for _, person := range people {
		_, err := e.run(ctx, "drop addresses", forgetScript, []string{addressesKey(e.o.Prefix, person)}, droppedKept.Milliseconds())
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func addressField(a cluster.Address) string { return string(a.Base) + "\n" + string(a.In.Account) }

func addressValue(a cluster.Address) string {
	return strconv.FormatInt(a.At.UnixMilli(), 10) + " " + asJSON(storedChat{a.In.Chat, a.In.Thread})
}

func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings only
	}
	return string(data)
}

func readReachable(fields map[string]string) (cluster.Reachable, error) {
	var w storedWish
	if err := json.Unmarshal([]byte(fields["w"]), &w); err != nil {
		return cluster.Reachable{}, fmt.Errorf("a wish that cannot be read: %w", err)
	}
	r := cluster.Reachable{Mode: w.Mode, One: w.One}
	for field, value := range fields {
		base, account, ok := strings.Cut(field, "\n")
		if !ok {
			continue
		}
		at, where, _ := strings.Cut(value, " ")
		ms, err := strconv.ParseInt(at, 10, 64)
		var c storedChat
		if err := errors.Join(err, json.Unmarshal([]byte(where), &c)); err != nil {
			return cluster.Reachable{}, fmt.Errorf("an address that cannot be read: %w", err)
		}
		r.Addresses = append(r.Addresses, cluster.Address{
			Base: core.PersonID(base), At: time.UnixMilli(ms).UTC(),
			In: core.Conversation{Account: core.Account(account), Place: core.Private, Chat: c.Chat, Thread: c.Thread},
		})
	}
	slices.SortFunc(r.Addresses, func(a, b cluster.Address) int {
		if n := b.At.Compare(a.At); n != 0 {
			return n
		}
		return strings.Compare(addressField(a), addressField(b))
	})
	return r, nil
}
