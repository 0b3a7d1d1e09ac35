package whatsapp

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// How often a reply that waits for its chat to open again is tried: the longer the
// person is silent, the less often, so that it comes soon after they write.
const (
	leastTemplateWait = time.Minute
	mostTemplateWait  = 2 * time.Hour
)

var (
	errNoMessage = errors.New("the answer names no message")
	errClosed    = errors.New("needs template: the person last wrote more than 24 hours ago, and only an approved template may be sent then; none is configured (template.name, template.language)")
	errWaiting   = errors.New("the person last wrote more than 24 hours ago; the template was sent and the reply waits for their answer")
	errNoStatus  = errors.New("no status of the message came yet")
)

// messagesPath is where messages are sent from.
func (a *Cloud) messagesPath() string { return a.config.PhoneNumberID + "/messages" }

// Send implements adapters.Sender. Nothing is repeated in here.
func (a *Cloud) Send(ctx context.Context, r core.Reply) (core.Receipt, error) {
	m, more, err := piece(r, cloudDialect)
	if err != nil {
		return core.Receipt{}, err
	}
	body, err := addressed(m.render(), r)
	if err != nil {
		return core.Receipt{}, err
	}
	if body, err = a.withFile(ctx, body); err != nil {
		return core.Receipt{}, err
	}
	end := a.outcomes.begin(opaque(r), r.Trace)
	wamid, err := a.post(ctx, body)
	switch {
	case err == nil:
		end(settled)
		return core.Receipt{Message: wamid, At: a.now().UTC(), More: more}, nil
	case fault.IsUnsure(err):
		end(inDoubt)
		return core.Receipt{}, err
	default:
		end(notSent)
	}
	if refused(err, codeReengage) {
		err = a.outside(ctx, r.To)
	}
	return core.Receipt{}, err
}

// post leaves one message.
func (a *Cloud) post(ctx context.Context, body fields) (core.MessageID, error) {
	var sent struct {
		Messages []struct {
			ID string `json:"id"`
		} `json:"messages"`
	}
	err := a.api.do(ctx, call{op: "send", method: http.MethodPost, path: a.messagesPath(), body: body, leaves: true}, &sent)
	if err != nil {
		return "", err
	}
	if len(sent.Messages) == 0 || sent.Messages[0].ID == "" || len(sent.Messages[0].ID) > maxID {
		return "", fault.New(fault.Retryable, "send", errNoMessage, fault.Unsure())
	}
	return mintMessage(sent.Messages[0].ID), nil
}

// outside deals with a chat that takes no free text: the template asks the person to
// write, once, and the reply waits. It surely was not sent, whatever became of the
// template.
func (a *Cloud) outside(ctx context.Context, to core.Conversation) error {
	if a.config.Template.Name == "" {
		return fault.New(fault.Permanent, "send", errClosed)
	}
	mine := []byte(a.now().Format(time.RFC3339Nano))
	marks, _, err := a.memory.Advance(ctx, a.chatNote(to.Chat), core.Mark{Name: templateMark, Value: mine}, templateLife)
	if err != nil {
		return err
	}
	var asked time.Duration
	for _, m := range marks {
		if m.Name == templateMark && !bytes.Equal(m.Value, mine) {
			asked = max(m.Age, 1)
		}
	}
	if asked == 0 {
		if err := a.template(ctx, to); err != nil {
			return err
		}
	}
	wait := min(max(asked, leastTemplateWait), mostTemplateWait)
	return fault.New(fault.Retryable, "send", errWaiting, fault.WithWait(wait))
}

// template sends the configured template. A chat that did not get it is asked again later.
func (a *Cloud) template(ctx context.Context, to core.Conversation) error {
	body, err := addressed(fields{"type": "template", "template": fields{
		"name": a.config.Template.Name, "language": fields{"code": a.config.Template.Language},
	}}, core.Reply{To: to})
	if err != nil {
		return err
	}
	delete(body, "biz_opaque_callback_data")
	_, err = a.post(ctx, body)
	if err == nil || fault.IsUnsure(err) {
		a.log.Info().Str("template", a.config.Template.Name).Msg("a chat closed after 24 hours was sent the template")
		return nil
	}
	if err := a.memory.Delete(ctx, a.chatNote(to.Chat)); err != nil {
		a.log.Debug().Err(err).Msg("that a chat did not get the template is not remembered")
	}
	if fault.ClassOf(err) == fault.Permanent {
		return permanent("send template", "needs template: the configured one was refused: %w", err)
	}
	return err
}

// Reconcile implements adapters.Reconciler. A message that stands has a status; until
// one could have come, nobody knows, and waiting for it is no failed attempt.
func (a *Cloud) Reconcile(ctx context.Context, r core.Reply) (core.Receipt, bool, error) {
	_, more, err := piece(r, cloudDialect)
	if err != nil {
		return core.Receipt{}, false, err
	}
	wamid, at, wait, err := a.outcomes.look(ctx, opaque(r))
	switch {
	case err != nil:
		return core.Receipt{}, false, err
	case wamid != "":
		return core.Receipt{Message: mintMessage(wamid), At: at, More: more}, true, nil
	case wait > 0:
		return core.Receipt{}, false, fault.New(
			fault.RateLimited, "reconcile", errNoStatus, fault.WithWait(wait), fault.WithScope(fault.ScopeChat))
	default:
		return core.Receipt{}, false, nil
	}
}

// Typing implements adapters.Typer: the chat's last message is marked as read and the
// person sees that something is being written. Without a message there is nothing to show.
func (a *Cloud) Typing(ctx context.Context, to core.Conversation) error {
	wamid, ok, err := a.memory.Get(ctx, a.chatNote(to.Chat))
	if err != nil || !ok || len(wamid) == 0 {
		return err
	}
	return a.api.do(ctx, call{op: "typing", method: http.MethodPost, path: a.messagesPath(), body: fields{
		"messaging_product": "whatsapp", "status": "read", "message_id": string(wamid),
		"typing_indicator": fields{"type": "text"},
	}}, nil)
}
