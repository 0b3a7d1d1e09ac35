package whatsapp

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/whatsapp/web"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// intake brings what a device is told into an inbox.
type intake struct {
	a  *Web
	in adapters.Inbox
}

// Connected implements web.Handler.
func (h *intake) Connected() { adapters.Connected(h.in) }

var errUnreadable = errors.New("a message could not be decrypted; its sender was asked for it again")

// Unreadable implements web.Handler.
func (h *intake) Unreadable() {
	h.a.log.Warn().Err(errUnreadable).Msg("message not read yet")
	if h.a.observer != nil {
		h.a.observer.Observe(core.Event{
			Stage: core.StageRefused, At: h.a.now(), Account: h.a.account, Kind: core.KindMessage,
			Err: fault.New(fault.Retryable, "receive", errUnreadable),
		})
	}
}

// Take implements web.Handler.
func (h *intake) Take(ctx context.Context, m web.Message) error {
	e := webReader{h.a.account}.envelope(m)
	h.a.press(ctx, &e, m)
	e.Trace = core.NewTraceID()
	if err := h.in.Accept(ctx, e); err != nil {
		return acceptFault(err)
	}
	h.a.took(ctx, e, m)
	return nil
}

// acceptFault keeps the class of the inbox's error; an unclassified one is worth another
// try, since WhatsApp still has the message.
func acceptFault(err error) error {
	switch class := fault.ClassOf(err); class {
	case fault.Retryable, fault.RateLimited, fault.NeedsHuman:
		return fault.New(class, "accept", err, fault.WithWait(fault.Wait(err)))
	default:
		return fault.New(fault.Retryable, "accept", err)
	}
}

// took remembers what an answer may need, and lets the message be marked as read.
func (a *Web) took(ctx context.Context, e core.Envelope, m web.Message) {
	if e.Kind != core.KindMessage && e.Kind != core.KindAction {
		return
	}
	a.heard(ctx, e, spoken{e.In.Chat, webMessage(m.Key, e.In.Place)}, clip(core.JoinText(m.Parts)))
	select {
	case a.reads <- m:
	default: // it is a courtesy
	}
}

// webReader makes envelopes of what comes over a linked device. It is pure.
type webReader struct{ account core.Account }

func (r webReader) envelope(m web.Message) core.Envelope {
	e := core.Envelope{
		Kind:   m.Kind,
		In:     core.Conversation{Account: r.account, Place: core.Private, Chat: mintChat(string(m.Chat))},
		From:   core.Sender{Realm: realm, ID: mintUser(string(m.Sender)), Name: m.Name},
		SentAt: m.At,
		Parts:  m.Parts,
	}
	if m.Chat.Group() {
		e.In.Place = core.Group
	}
	if m.Sender == "" {
		e.From.ID = core.UserID(nowhere)
	}
	e.Native = webMessage(m.Key, e.In.Place)
	if q := m.Quote; q != nil {
		e.ReplyTo = &core.Quote{Message: webMessage(q.Key, e.In.Place), Text: q.Text, ByBot: q.Own}
	}
	command := false
	switch m.Kind {
	case core.KindEdit, core.KindDelete, core.KindReaction:
		e.Native = webMessage(m.About, e.In.Place)
	case core.KindMembership:
		e.Native, e.Parts = "", members(m.Parts)
	}
	if m.Kind == core.KindMessage || m.Kind == core.KindEdit {
		e.Parts, command = spokenParts(m)
	}
	e.Addressed = e.In.Place == core.Private || m.Self || command || e.ReplyTo != nil && e.ReplyTo.ByBot
	if m.Kind == core.KindOther || m.Kind == core.KindMembership {
		e.Addressed = false
	}
	// An id is the sender's own choice: it names a message of theirs in one chat.
	e.ID = core.NewEnvelopeID(r.account, m.Kind, string(m.Chat), string(m.Sender), m.ID)
	return e
}

// separators stand between a leading mention and what is said.
const separators = " \t\r\n\u00a0\u2068\u2069,:;"

// spokenParts reads a text: a command, or what was written, with whom it names. The bot's
// own name in front of everything is not part of what is said.
func spokenParts(m web.Message) (out []core.Part, command bool) {
	for _, p := range m.Parts {
		t, ok := p.(core.Text)
		if !ok {
			out = append(out, p)
			continue
		}
		said := strings.ToValidUTF8(t.Text, "\ufffd")
		for _, mention := range m.Mentions {
			if rest, led := strings.CutPrefix(strings.TrimLeft(said, separators), mention.Written); led && mention.Self {
				said = strings.TrimLeft(rest, separators)
			}
		}
		for _, p := range words(said) {
			_, command = p.(core.Command)
			out = append(out, p)
		}
	}
	for _, mention := range m.Mentions {
		out = append(out, core.Mention{User: mintUser(string(mention.Address)), Name: mention.Written, Self: mention.Self})
	}
	return out, command
}

// members gives the people of a change their realm.
func members(parts []core.Part) (out []core.Part) {
	for _, p := range parts {
		if c, ok := p.(core.Change); ok {
			c.Joined, c.Left = inRealm(c.Joined), inRealm(c.Left)
			p = c
		}
		out = append(out, p)
	}
	return out
}

func inRealm(people []core.Sender) (out []core.Sender) {
	for _, s := range people {
		s.Realm = realm
		out = append(out, s)
	}
	return out
}

// press makes the envelope a press of a button when it answers choices: with a number or
// a label, to the message that offers them or, in a chat of two, right behind it. The
// envelope keeps its id, so that it is the same one when this is not known any more.
func (a *Web) press(ctx context.Context, e *core.Envelope, m web.Message) {
	if e.Kind != core.KindMessage || len(e.Parts) != 1 {
		return
	}
	said, ok := e.Parts[0].(core.Text)
	if !ok || units(said.Text) > maxRowText+4 {
		return
	}
	native, choices := e.Native, []core.Button(nil)
	switch {
	case m.Quote != nil && m.Quote.Own:
		native, choices = core.MessageID(m.Quote.ID), a.offered(ctx, e.In, m.Quote.ID)
	case m.Quote == nil && e.In.Place == core.Private:
		choices = a.offeredIn(ctx, e.In.Chat)
	}
	if c, ok := chosenOf(choices, said.Text); ok {
		e.Kind, e.Native, e.ReplyTo = core.KindAction, native, nil
		e.Parts = []core.Part{core.Action{Data: c.Data}}
	}
}

// offered are the choices of an own message.
func (a *Web) offered(ctx context.Context, in core.Conversation, id string) []core.Button {
	if a.sent == nil {
		return nil
	}
	r, ok, err := a.sent(ctx, in.Chat, core.MessageID(id))
	if err != nil || !ok {
		return nil
	}
	m, _, err := piece(r, webDialect)
	if err != nil {
		return nil
	}
	return m.choices
}

// chosenOf tells which choice an answer means.
func chosenOf(choices []core.Button, said string) (core.Button, bool) {
	said = strings.TrimSpace(said)
	n, err := strconv.Atoi(strings.TrimSuffix(said, "."))
	for i, c := range choices {
		if err == nil && n == i+1 || strings.EqualFold(strings.TrimSpace(c.Label), said) {
			return c, true
		}
	}
	return core.Button{}, false
}
