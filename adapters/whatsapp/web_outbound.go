package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/whatsapp/web"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// maxProgress is how many edits show an answer while it grows.
	maxProgress = 4
	// editWindow is how long phones take edits of a message, with a margin: fifteen minutes.
	editWindow = 14 * time.Minute
)

// webDialect is how a linked device shows replies.
var webDialect = dialect{
	file: func(m core.Media) error {
		if m.Blob != "" {
			return nil
		}
		_, err := web.ParseFile(m.File)
		return err
	},
}

// chatAddress is where a conversation is held.
func chatAddress(to core.Conversation) (web.Address, error) {
	a := web.Address(to.Chat)
	if to.Thread != "" || to.Place == core.Private && !a.Person() || to.Place == core.Group && !a.Group() {
		return "", permanent("send", "the chat is %w", errForeignID)
	}
	return a, nil
}

// webMessage names a message in its chat. In groups the sender belongs to it: whoever
// answers it has to say whose it is.
func webMessage(k web.Key, place core.Place) core.MessageID {
	if place == core.Private || k.Own || k.Sender == "" {
		return core.MessageID(k.ID)
	}
	return core.MessageID(k.ID + "/" + string(k.Sender))
}

// webKey reads what webMessage made, of a message that somebody else wrote.
func webKey(id core.MessageID, in core.Conversation) (web.Key, error) {
	k := web.Key{ID: string(id), Sender: web.Address(in.Chat)}
	if in.Place == core.Group {
		at := strings.LastIndexByte(k.ID, '/')
		if at < 0 {
			return web.Key{}, errForeignID
		}
		k.ID, k.Sender = k.ID[:at], web.Address(k.ID[at+1:])
	}
	if k.ID == "" || len(id) > maxID || !k.Sender.Person() {
		return web.Key{}, errForeignID
	}
	return k, nil
}

// ownID names one piece of a reply: the same on every node and after every restart. A
// draft has another name than the final that takes its place.
func ownID(r core.Reply) string {
	return web.NewID(string(r.To.Account), string(r.To.Chat), string(r.ID), strconv.Itoa(len(r.Sent)), strconv.FormatBool(r.Final))
}

// outgoing spells a message for the device. A file of the hub is uploaded for that; no
// message is left by it.
func (a *Web) outgoing(ctx context.Context, m outgoing, r core.Reply) (web.Outgoing, error) {
	o := web.Outgoing{Text: m.text, Location: m.location, Contact: m.contact}
	if m.media != nil {
		f, err := a.file(ctx, *m.media)
		if err != nil {
			return o, err
		}
		o.File = &f
	}
	if r.InReplyTo == "" || len(r.Sent) > 0 {
		return o, nil
	}
	k, err := webKey(r.InReplyTo, r.To)
	if err != nil {
		return o, permanent("send", "the message answered is %w", err)
	}
	o.Quote = &web.Quote{Key: k, Text: a.words(ctx, spoken{r.To.Chat, r.InReplyTo})}
	return o, nil
}

// Send implements adapters.Sender. Nothing is repeated in here.
func (a *Web) Send(ctx context.Context, r core.Reply) (core.Receipt, error) {
	m, more, err := piece(r, webDialect)
	if err != nil {
		return core.Receipt{}, err
	}
	to, err := chatAddress(r.To)
	if err != nil {
		return core.Receipt{}, err
	}
	o, err := a.outgoing(ctx, m, r)
	if err != nil {
		return core.Receipt{}, err
	}
	id := ownID(r)
	at, err := a.leave(ctx, to, id, o)
	if err != nil {
		return core.Receipt{}, err
	}
	if !r.Final {
		progress{At: a.now(), Shown: digestOf(o.Text)}.keep(ctx, a, core.MessageID(id))
	}
	a.offers(ctx, r.To.Chat, m.choices)
	return core.Receipt{Message: core.MessageID(id), At: a.when(at), More: more}, nil
}

// leave sends a message and remembers it: a phone that cannot read it asks for it again.
func (a *Web) leave(ctx context.Context, to web.Address, id string, o web.Outgoing) (time.Time, error) {
	a.own.Set(id, o)
	return a.device.Send(ctx, to, id, o)
}

// when is the platform's time of something, if it told one.
func (a *Web) when(at time.Time) time.Time {
	if at.Unix() <= 0 {
		return a.now().UTC()
	}
	return at
}

var (
	errEnough = errors.New("the message was edited as often as it may be while it grows")
	errTooOld = errors.New("the message is too old to be edited, or its age is not known; it is taken back")
)

// Edit implements adapters.Editor. Only words can be edited. A message that is too old
// for it is taken back, and the caller sends it anew.
func (a *Web) Edit(ctx context.Context, id core.MessageID, r core.Reply) (core.Receipt, error) {
	m, more, err := piece(r, webDialect)
	if err != nil {
		return core.Receipt{}, err
	}
	to, err := chatAddress(r.To)
	if err != nil {
		return core.Receipt{}, err
	}
	o, err := a.outgoing(ctx, m, r)
	switch {
	case err != nil:
		return core.Receipt{}, err
	case o.Text == "":
		return core.Receipt{}, permanent("edit", "a text cannot be made into something else")
	}
	p, known, err := a.progressOf(ctx, id)
	receipt := core.Receipt{Message: id, At: a.now().UTC(), More: more}
	switch {
	case err != nil:
		return core.Receipt{}, err
	case p.Gone:
		return core.Receipt{}, fault.New(fault.Permanent, "edit", web.ErrGone)
	case !known, a.now().Sub(p.At) > editWindow:
		return core.Receipt{}, a.takeBack(ctx, to, string(id))
	case p.Shown == digestOf(o.Text):
		return receipt, nil
	case !r.Final && p.Edits >= maxProgress:
		return core.Receipt{}, fault.New(fault.Permanent, "edit", errEnough)
	}
	nth := 0
	if !r.Final {
		p.Edits++
		nth = p.Edits
	}
	o.Edits = string(id)
	if _, err := a.leave(ctx, to, web.EditID(string(id), nth), o); err != nil {
		return core.Receipt{}, err
	}
	p.Shown = digestOf(o.Text)
	p.keep(ctx, a, id)
	a.offers(ctx, r.To.Chat, m.choices)
	return receipt, nil
}

// takeBack deletes a draft that cannot become its final.
func (a *Web) takeBack(ctx context.Context, to web.Address, id string) error {
	if _, err := a.leave(ctx, to, web.NewID("take back", id), web.Outgoing{Revokes: id}); err != nil && fault.ClassOf(err) != fault.Permanent {
		return err
	}
	return fault.New(fault.Permanent, "edit", errTooOld)
}

// Reconcile implements adapters.Reconciler. A message sent again has the id it had, and
// is one message to everybody who gets it, so "not found" is always a safe answer.
func (a *Web) Reconcile(_ context.Context, r core.Reply) (core.Receipt, bool, error) {
	_, _, err := piece(r, webDialect)
	return core.Receipt{}, false, err
}

// again gives a message that somebody's phone could not read: from memory, else from
// what the hub keeps. A reply that is not recorded yet is still in the outbox.
func (a *Web) again(ctx context.Context, chat web.Address, id string) (web.Outgoing, bool) {
	o, ok := a.own.Get(id)
	if ok || a.sent == nil {
		return o, ok
	}
	message, edited := web.Edited(id)
	if !edited {
		message = id
	}
	r, ok, err := a.sent(ctx, mintChat(string(chat)), core.MessageID(message))
	if err != nil || !ok {
		if err != nil {
			a.log.Warn().Err(err).Msg("a message that a phone asks for again could not be looked up")
		}
		return web.Outgoing{}, false
	}
	m, _, err := piece(r, webDialect)
	if err != nil {
		return web.Outgoing{}, false
	}
	o, err = a.outgoing(ctx, m, r)
	if edited {
		o.Edits = message
	}
	return o, err == nil
}

// pairingFault says what happened in the contract's words.
func (a *Web) pairingFault(err error) error {
	switch {
	case errors.Is(err, web.ErrPaired):
		return fault.New(fault.ClassOf(err), "pair", fmt.Errorf("account %s is %w", a.account, adapters.ErrPaired))
	case errors.Is(err, web.ErrUnread):
		return fault.New(fault.ClassOf(err), "pair", fmt.Errorf("account %s: %w; try again with the phone at hand", a.account, adapters.ErrCodesExpired))
	default:
		return err
	}
}
