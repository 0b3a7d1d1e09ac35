package telegram

import (
	"context"
	"errors"
	"net/http"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// Send implements adapters.Sender. It repeats a call only when the server refused
// the first one, so no message can be left twice.
func (a *Adapter) Send(ctx context.Context, r core.Reply) (core.Receipt, error) {
	m, more, err := piece(r)
	if err != nil {
		return core.Receipt{}, err
	}
	receipt, err := a.send(ctx, m, r)
	if to := refused(err); to != nil && to.migrateTo != 0 {
		// The group became a supergroup: it lives on under a new id.
		moved := r.To
		moved.Chat = mintChat(to.migrateTo)
		r.To, r.InReplyTo = moved, "" // the new place numbers its messages anew
		receipt, err = a.send(ctx, m, r)
		receipt.MovedTo = &moved
	}
	if err != nil {
		return core.Receipt{}, err
	}
	receipt.More = more
	return receipt, nil
}

func (a *Adapter) send(ctx context.Context, m outgoing, r core.Reply) (core.Receipt, error) {
	first := r.InReplyTo != "" && len(r.Sent) == 0
	complete := func(p params) (params, error) {
		p, err := address(p, r.To)
		if err == nil && first {
			err = quoting(p, r.InReplyTo)
		}
		return p, err
	}
	if m.file == nil {
		return a.marked(ctx, m, m.method, complete)
	}
	p, err := complete(m.params)
	if err != nil {
		return core.Receipt{}, err
	}
	receipt, err := a.upload(ctx, m, p)
	if no := refused(err); no != nil && m.method == "sendPhoto" && no.noPhoto() {
		a.log.Warn().Err(err).Msg("the picture is no photo for the server; sending it as a document")
		receipt, err = a.upload(ctx, m.asDocument(), p)
	}
	return receipt, err
}

// marked makes a call that leaves or changes a message. When the server cannot read
// the markup it is called once more without.
func (a *Adapter) marked(ctx context.Context, m outgoing, method string, complete func(params) (params, error)) (core.Receipt, error) {
	p, err := complete(m.params)
	if err != nil {
		return core.Receipt{}, err
	}
	var result sentMessage
	err = a.api.call(ctx, method, p, &result)
	if r := refused(err); r != nil && len(m.runs) > 0 && r.says("can't parse entities") {
		a.log.Warn().Err(err).Msg("markup refused; sending without")
		if p, err = complete(m.unmarked()); err != nil {
			return core.Receipt{}, err
		}
		err = a.api.call(ctx, method, p, &result)
	}
	if err != nil {
		return core.Receipt{}, err
	}
	return a.receipt(method, result)
}

func (a *Adapter) receipt(method string, result sentMessage) (core.Receipt, error) {
	if result.MessageID == 0 {
		return core.Receipt{}, fault.New(fault.Retryable, method, errNoMessage, fault.Unsure())
	}
	return core.Receipt{Message: mintMessage(result.MessageID), At: moment(result.Date, a.now())}, nil
}

var errNoMessage = errors.New("the answer names no message")

type sentMessage struct {
	MessageID int64 `json:"message_id"`
	Date      int64 `json:"date"`
}

// Edit implements adapters.Editor. Only texts can be edited into each other.
func (a *Adapter) Edit(ctx context.Context, id core.MessageID, r core.Reply) (core.Receipt, error) {
	m, more, err := piece(r)
	if err != nil {
		return core.Receipt{}, err
	}
	if len(m.runs) == 0 {
		return core.Receipt{}, permanent("edit", "a text cannot be made into what %s sends", m.method)
	}
	if _, err := parseMessage(id); err != nil {
		return core.Receipt{}, permanent("edit", "the message is %w", err)
	}
	receipt, err := a.marked(ctx, m, "editMessageText", func(p params) (params, error) {
		p, err := address(p, r.To)
		if err == nil {
			delete(p, "message_thread_id") // the message knows its topic
			p["message_id"] = string(id)
		}
		return p, err
	})
	if to := refused(err); to != nil && to.says("message is not modified") {
		receipt, err = core.Receipt{Message: id, At: a.now().UTC()}, nil
	}
	if err != nil {
		return core.Receipt{}, err
	}
	receipt.More = more
	return receipt, nil
}

// Draft implements adapters.Drafter with sendMessageDraft
// (https://core.telegram.org/bots/api#sendmessagedraft): a preview that animates,
// lasts about 30 seconds and leaves nothing. A long answer shows its newest piece.
func (a *Adapter) Draft(ctx context.Context, r core.Reply) error {
	if r.To.Place != core.Private {
		return permanent("draft", "drafts are shown in private chats only")
	}
	if a.draftsGone() {
		return permanent("draft", "this server knows no drafts")
	}
	shown := pieces(prepare(textOf(r.Parts)), maxText)
	if len(shown) == 0 {
		return a.Typing(ctx, r.To)
	}
	m := textMessage(shown[len(shown)-1])
	err := a.draft(ctx, r, m.params)
	if no := refused(err); no != nil && no.says("can't parse entities") {
		err = a.draft(ctx, r, m.unmarked())
	}
	if no := refused(err); no != nil && (no.code == http.StatusNotFound || no.unknownMethod()) {
		a.mu.Lock()
		a.noDrafts = true
		a.mu.Unlock()
		return permanent("draft", "this server knows no drafts: %w", no)
	}
	return err
}

func (a *Adapter) draftsGone() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.noDrafts
}

func (a *Adapter) draft(ctx context.Context, r core.Reply, p params) error {
	p, err := address(p, r.To)
	if err != nil {
		return err
	}
	delete(p, "link_preview_options") // not one of its arguments
	p["draft_id"] = decimal(draftID(r.ID))
	return a.api.call(ctx, "sendMessageDraft", p, nil)
}

// Typing implements adapters.Typer.
func (a *Adapter) Typing(ctx context.Context, to core.Conversation) error {
	p, err := address(params{"action": "typing"}, to)
	if err != nil {
		return err
	}
	return a.api.call(ctx, "sendChatAction", p, nil)
}
