package discord

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

var (
	errNoMessage   = errors.New("the answer names no message")
	errNotDeferred = errors.New("the interaction is not deferred yet")
)

// Send implements adapters.Sender.
func (a *Adapter) Send(ctx context.Context, r core.Reply) (core.Receipt, error) {
	m, more, err := piece(r)
	if err != nil {
		return core.Receipt{}, err
	}
	channel, err := channelOf(r.To)
	if err != nil {
		return core.Receipt{}, err
	}
	to, err := a.answerTo(ctx, r)
	if err != nil {
		return core.Receipt{}, err
	}
	if to != nil {
		receipt, err := a.respond(ctx, to, r, m)
		if !errors.Is(err, errNoAnswer) {
			receipt.More = more
			return receipt, err
		}
	}
	p := m.payload()
	p.Nonce, p.EnforceNonce = nonceOf(channel, r), true
	if r.InReplyTo != "" && len(r.Sent) == 0 {
		p.Reference = &reference{MessageID: string(r.InReplyTo)}
	}
	call := request{op: "send", method: http.MethodPost, url: discordgo.EndpointChannelMessages(channel), body: p, leaves: true}
	receipt, err := a.leaveWith(ctx, call, m, p)
	receipt.More = more && err == nil
	return receipt, err
}

// leave makes a call that leaves or changes a message.
func (a *Adapter) leave(ctx context.Context, call request) (core.Receipt, error) {
	var result message
	if err := a.api.call(ctx, call, &result); err != nil {
		return core.Receipt{}, err
	}
	if result.ID == "" {
		return core.Receipt{}, fault.New(fault.Retryable, call.op, errNoMessage, fault.Unsure())
	}
	return core.Receipt{Message: core.MessageID(result.ID), At: moment(result.Timestamp, idTime(result.ID, a.now()))}, nil
}

// Edit implements adapters.Editor. Only texts can be edited into each other.
func (a *Adapter) Edit(ctx context.Context, id core.MessageID, r core.Reply) (core.Receipt, error) {
	m, more, err := piece(r)
	if err != nil {
		return core.Receipt{}, err
	}
	if m.media != nil {
		return core.Receipt{}, permanent("edit", "a text cannot be made into a file")
	}
	channel, err := channelOf(r.To)
	if err != nil {
		return core.Receipt{}, err
	}
	if _, err := parseID(string(id)); err != nil {
		return core.Receipt{}, permanent("edit", "the message is %w", err)
	}
	call := request{op: "edit", method: http.MethodPatch, url: discordgo.EndpointChannelMessage(channel, string(id)), body: m.payload(), leaves: true}
	to, err := a.answerTo(ctx, r)
	if err != nil {
		return core.Receipt{}, err
	}
	var receipt core.Receipt
	if to != nil {
		// What answers an interaction can be changed with its token even where the bot
		// itself may not write.
		hooked := call
		hooked.url = discordgo.EndpointWebhookMessage(to.Application, to.Token, string(id))
		if receipt, err = a.leave(ctx, hooked); err != nil && fault.ClassOf(err) == fault.Permanent {
			receipt, err = a.leave(ctx, call)
		}
	} else {
		receipt, err = a.leave(ctx, call)
	}
	receipt.More = more && err == nil
	return receipt, err
}

// errNoAnswer says that a reply cannot be given as the answer to its interaction.
var errNoAnswer = errors.New("the interaction takes no answer")

// respond gives a reply as the answer to its interaction: its first message takes the
// place of the deferred one, all others follow.
func (a *Adapter) respond(ctx context.Context, to *responder, r core.Reply, m outgoing) (core.Receipt, error) {
	if i, ours := a.deferring.Get(r.ID.Envelope()); ours {
		select {
		case <-i.deferred:
		case <-ctx.Done():
			return core.Receipt{}, fault.New(fault.Retryable, "respond", ctx.Err())
		}
	}
	p := m.payload()
	call := request{op: "respond", method: http.MethodPost, url: discordgo.EndpointWebhookToken(to.Application, to.Token) + "?wait=true", body: p, leaves: true}
	if original(r) {
		call.method, call.url = http.MethodPatch, discordgo.EndpointWebhookMessage(to.Application, to.Token, "@original")
	}
	receipt, err := a.leaveWith(ctx, call, m, p)
	if no := refused(err); no != nil && no.status == http.StatusNotFound {
		if a.now().Sub(to.Began) < deferralGrace {
			// Our "deferred" is on its way and not there yet.
			return receipt, fault.New(fault.RateLimited, "respond", errNotDeferred, fault.WithWait(time.Second), fault.WithScope(fault.ScopeChat))
		}
		a.forget(ctx, r.ID.Envelope())
		return receipt, errNoAnswer
	}
	return receipt, err
}

// original tells whether a message is the one that answers the interaction itself.
func original(r core.Reply) bool {
	_, index, _ := strings.Cut(string(r.ID), ".")
	n, err := strconv.Atoi(index)
	return err == nil && n <= 0 && len(r.Sent) == 0
}

// Typing implements adapters.Typer. It is shown for ten seconds.
func (a *Adapter) Typing(ctx context.Context, to core.Conversation) error {
	channel, err := channelOf(to)
	if err != nil {
		return err
	}
	return a.api.call(ctx, request{op: "typing", method: http.MethodPost, url: discordgo.EndpointChannelTyping(channel)}, nil)
}

// Reconcile implements adapters.Reconciler. What goes to a channel carries an
// enforced nonce: to send it again brings back the message that stands, so "not
// found" is always a safe answer there. Answers to interactions carry none and are
// looked for in the channel by the interaction they name.
func (a *Adapter) Reconcile(ctx context.Context, r core.Reply) (core.Receipt, bool, error) {
	m, more, err := piece(r)
	if err != nil {
		return core.Receipt{}, false, err
	}
	channel, err := channelOf(r.To)
	if err != nil {
		return core.Receipt{}, false, err
	}
	query := url.Values{"limit": {"50"}}
	if n := len(r.Sent); n > 0 {
		query.Set("after", string(r.Sent[n-1]))
	}
	var history []message
	err = a.api.call(ctx, request{op: "look up", method: http.MethodGet, url: discordgo.EndpointChannelMessages(channel) + "?" + query.Encode()}, &history)
	switch {
	case fault.ClassOf(err) == fault.Permanent:
		return core.Receipt{}, false, nil // not allowed to look; the nonce makes up for it
	case err != nil:
		return core.Receipt{}, false, err
	}
	content := render(m.runs)
	for _, h := range history {
		if h.Interaction == nil || h.Content != content || (h.Interaction.Original == "") != original(r) ||
			(m.media != nil) != (len(h.Attachments) > 0) || h.Flags&flagLoading != 0 {
			continue
		}
		if interactionID(a.account, core.KindMessage, h.Interaction.ID) == r.ID.Envelope() {
			return core.Receipt{Message: core.MessageID(h.ID), At: moment(h.Timestamp, idTime(h.ID, a.now())), More: more}, true, nil
		}
	}
	return core.Receipt{}, false, nil
}
