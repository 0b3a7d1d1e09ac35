package queue

import (
	"maps"
	"slices"
	"strings"

	"github.com/parley-hub/parley/core"
)

// OutboxOf is the outbox of an account's own: only the node that holds the account's
// connection works through it.
func OutboxOf(a core.Account) Box { return ownOutbox + Box(a) }

const ownOutbox = Outbox + "/"

// IsOutbox tells whether a box holds replies.
func (b Box) IsOutbox() bool { return b == Outbox || strings.HasPrefix(string(b), string(ownOutbox)) }

// Lanes tell through which mailbox the replies to a chat go. It is the one rule for all
// who publish replies. The zero value has all accounts share one outbox.
type Lanes struct{ own map[core.Account]bool }

// NewLanes gives each of these accounts an outbox of its own: those whose replies only
// one node can send, where there are several.
func NewLanes(own ...core.Account) Lanes {
	l := Lanes{own: map[core.Account]bool{}}
	for _, a := range own {
		l.own[a] = true
	}
	return l
}

// Of is the mailbox of a chat's replies.
func (l Lanes) Of(to core.Conversation) Key {
	k := Lane(to)
	if l.own[to.Account] {
		k.Box = OutboxOf(to.Account)
	}
	return k
}

// Own tells whether the account has an outbox of its own.
func (l Lanes) Own(a core.Account) bool { return l.own[a] }

// Outboxes lists the boxes that replies are in, the common one first.
func (l Lanes) Outboxes() []Box {
	out := []Box{Outbox}
	for _, a := range slices.Sorted(maps.Keys(l.own)) {
		out = append(out, OutboxOf(a))
	}
	return out
}
