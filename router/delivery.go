package router

import (
	"context"
	"errors"
	"regexp"
	"slices"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/session"
)

// DeliveryTable tells where people can be reached.
type DeliveryTable interface {
	// Reachable gives where a person was heard in private, the last place first, and
	// where they want to be reached.
	Reachable(ctx context.Context, person core.PersonID) ([]session.Address, session.Reach, error)
}

// NotifierOptions make a Notifier. Queue and Table are required.
type NotifierOptions struct {
	Queue queue.Queue
	Table DeliveryTable
	// Lane gives the mailbox of a chat's replies, as queue.Lanes.Of; nil means queue.Lane.
	Lane func(to core.Conversation) queue.Key
	// Serves tells whether the hub has this account and can send through it, sooner or
	// later; nil means every one.
	Serves func(a core.Account) bool
}

// Notifier tells people what they did not ask for, where they can be reached. What the
// platform takes there, how much of it and when, is for who delivers: what a platform
// refuses is buried with its reason, as any reply is.
type Notifier struct{ o NotifierOptions }

// NewNotifier makes a Notifier.
func NewNotifier(o NotifierOptions) *Notifier {
	if o.Lane == nil {
		o.Lane = queue.Lane
	}
	if o.Serves == nil {
		o.Serves = func(core.Account) bool { return true }
	}
	return &Notifier{o: o}
}

// Notice is something to tell a person.
type Notice struct {
	// ID makes a repeat harmless: letters, digits and hyphens, at most 64.
	ID string
	// Person is who is told, as the directory names them now.
	Person core.PersonID
	// To says where: session.ReachLast or ReachAll; empty for where they want to be reached.
	To    session.Mode
	Parts []core.Part
	Trace core.TraceID
}

// Nowhere is why somebody could be told nowhere.
type Nowhere string

// The reasons.
const (
	// NeverHeard: the person never wrote in private, or was forgotten since.
	NeverHeard Nowhere = "never_heard"
	// AllOut: the hub has none of the accounts any more through which they were heard.
	AllOut Nowhere = "all_out"
)

// Told is what became of a Notice: where it is on its way to, or why nowhere.
type Told struct {
	At      []session.Address
	Nowhere Nowhere
}

var (
	errNotice = errors.New("a notice needs an id of letters, digits and hyphens, a person and words")
	errTarget = errors.New("a notice goes to the last place, to all of them, or where the person wants it")
)

var noticeID = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// Send puts a notice on its way to a person; it is durable on nil. The same id again
// changes nothing, wherever the person is by then; it may add accounts that are new.
func (n *Notifier) Send(ctx context.Context, m Notice) (Told, error) {
	const op = "send notice"
	if !noticeID.MatchString(m.ID) || m.Person == "" || len(m.Parts) == 0 {
		return Told{}, fault.New(fault.Permanent, op, errNotice)
	}
	if m.To != "" && m.To != session.ReachLast && m.To != session.ReachAll {
		return Told{}, fault.New(fault.Permanent, op, errTarget)
	}
	addresses, wish, err := n.o.Table.Reachable(ctx, m.Person)
	if err != nil {
		return Told{}, err
	}
	if len(addresses) == 0 {
		return Told{Nowhere: NeverHeard}, nil
	}
	addresses = slices.DeleteFunc(slices.Clone(addresses), func(a session.Address) bool { return !n.o.Serves(a.In.Account) })
	if len(addresses) == 0 {
		return Told{Nowhere: AllOut}, nil
	}
	if m.To != "" {
		wish = session.Reach{Mode: m.To}
	}
	told := Told{At: wish.Of(addresses)}
	for _, at := range told.At {
		if err := n.publish(ctx, m, at, wish.Mode == session.ReachAll); err != nil {
			return Told{}, err
		}
	}
	return told, nil
}

// publish puts the notice into a chat's outbox. Of a notice that goes to one place the id
// is the same wherever that is, so that a repeat is one even when the person moved on.
func (n *Notifier) publish(ctx context.Context, m Notice, at session.Address, all bool) error {
	id := "notice-" + m.ID
	if all {
		id += "-" + string(at.Base)
	}
	r := core.Reply{ID: core.ReplyID(id), Final: true, To: at.In, Person: at.Base, Parts: m.Parts, Trace: m.Trace}
	body, err := core.EncodeReply(r)
	if err != nil {
		return err
	}
	_, err = n.o.Queue.Publish(ctx, n.o.Lane(r.To), queue.Item{ID: id, Body: body})
	return err
}
