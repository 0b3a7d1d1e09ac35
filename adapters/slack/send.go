package slack

import (
	"context"
	"errors"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

var errNoMessage = errors.New("the answer names no message")

// address is where a reply goes, in the platform's ids.
type address struct {
	channel string
	// thread is the message whose thread the reply stands in; "" for the channel itself.
	thread string
}

// addressOfReply: in a channel an answer stands in the thread of the message it
// answers, so that it does not come between other people's talk.
func addressOfReply(r core.Reply) (address, error) {
	channel, err := parseChat(r.To.Chat)
	if err != nil {
		return address{}, permanent("send", "the chat is %w", err)
	}
	to := address{channel: channel, thread: string(r.To.Thread)}
	if to.thread == "" && r.To.Place == core.Group {
		to.thread = string(r.InReplyTo)
	}
	if to.thread == "" {
		return to, nil
	}
	if _, err := parseTS(to.thread); err != nil {
		return address{}, permanent("send", "the thread is %w", err)
	}
	return to, nil
}

// Send implements adapters.Sender.
func (a *Adapter) Send(ctx context.Context, r core.Reply) (core.Receipt, error) {
	m, more, err := piece(r)
	if err != nil {
		return core.Receipt{}, err
	}
	to, err := addressOfReply(r)
	if err != nil {
		return core.Receipt{}, err
	}
	if responded(r) {
		return a.fromOutside(ctx, r, m, more, permanent("respond", "the interaction can be answered no more: invite the bot to the channel"))
	}
	ts, err := a.show(ctx, r, m, to)
	switch {
	case outside[refused(err)]:
		return a.fromOutside(ctx, r, m, more, err)
	case err != nil:
		return core.Receipt{}, err
	}
	a.takesPart(ctx, to)
	return core.Receipt{Message: core.MessageID(ts), At: moment(ts, a.now()), More: more}, nil
}

// show makes a message: of a draft a stream, where it can be one.
func (a *Adapter) show(ctx context.Context, r core.Reply, m outgoing, to address) (ts string, err error) {
	if !r.Final {
		if ts, ok, err := a.begin(ctx, r, to); ok || err != nil {
			return ts, err
		}
		if !a.paces.drafts.enter(a.now()) {
			return "", fault.New(fault.Permanent, "draft", errNoRoom)
		}
	}
	return a.post(ctx, r, m, to)
}

// post makes a message, after its file went up.
func (a *Adapter) post(ctx context.Context, r core.Reply, m outgoing, to address) (ts string, err error) {
	if m, err = a.withFile(ctx, r, m); err != nil {
		return "", err
	}
	options := m.options(r)
	if to.thread != "" {
		options = append(options, slackgo.MsgOptionTS(to.thread))
	}
	err = a.api.call(ctx, "chat.postMessage", func(ctx context.Context) (err error) {
		_, ts, err = a.api.client.PostMessageContext(ctx, to.channel, options...)
		return err
	})
	if err != nil {
		return "", err
	}
	if _, err := parseTS(ts); err != nil {
		return "", fault.New(fault.Retryable, "chat.postMessage", errNoMessage, fault.Unsure())
	}
	a.uploads.Take(pieceKey{r.ID, len(r.Sent)})
	return ts, nil
}

// options are the arguments of a message. Slack shows no previews of links in it, but
// the file that a link leads to.
func (m outgoing) options(r core.Reply) []slackgo.MsgOption {
	options := []slackgo.MsgOption{slackgo.MsgOptionText(m.text, false)}
	if m.file == nil {
		options = append(options, slackgo.MsgOptionDisableLinkUnfurl(), slackgo.MsgOptionDisableMediaUnfurl())
	} else {
		options = append(options, slackgo.MsgOptionEnableLinkUnfurl())
	}
	if len(m.blocks) > 0 {
		options = append(options, slackgo.MsgOptionBlocks(m.blocks...))
	}
	if r.Final { // a draft must not be taken for its reply
		options = append(options, tag(r))
	}
	return options
}

// tag hides in a message which one it is.
func tag(r core.Reply) slackgo.MsgOption {
	return slackgo.MsgOptionMetadata(slackgo.SlackMetadata{
		EventType:    metadataType,
		EventPayload: map[string]any{metadataReply: string(r.ID), metadataPiece: len(r.Sent)},
	})
}

// Edit implements adapters.Editor.
func (a *Adapter) Edit(ctx context.Context, id core.MessageID, r core.Reply) (core.Receipt, error) {
	m, more, err := piece(r)
	if err != nil {
		return core.Receipt{}, err
	}
	channel, err := parseChat(r.To.Chat)
	if err != nil {
		return core.Receipt{}, permanent("edit", "the chat is %w", err)
	}
	ts, err := parseTS(string(id))
	if err != nil {
		return core.Receipt{}, permanent("edit", "the message is %w", err)
	}
	at := address{channel, ts}
	done, err := a.grow(ctx, at, r, m, more)
	if err == nil && !done && !r.Final && !a.paces.edits.enter(a.now()) {
		done = true // the next draft brings it
	}
	if err == nil && !done {
		if m, err = a.withFile(ctx, r, m); err == nil {
			err = a.replace(ctx, at, m.update(r))
		}
	}
	if err != nil {
		return core.Receipt{}, err
	}
	a.uploads.Take(pieceKey{r.ID, len(r.Sent)})
	return core.Receipt{Message: id, At: a.now().UTC(), More: more}, nil
}

// update replaces what a message shows.
func (a *Adapter) update(ctx context.Context, at address, options []slackgo.MsgOption) error {
	return a.api.call(ctx, "chat.update", func(ctx context.Context) error {
		_, _, _, err := a.api.client.UpdateMessageContext(ctx, at.channel, at.thread, options...)
		return err
	})
}

// update are the arguments of a message that replaces another: what is not named stays,
// so it names that there are no blocks
// (https://docs.slack.dev/reference/methods/chat.update#arg_blocks). A file is not shown
// for a link to it then, but for its id.
func (m outgoing) update(r core.Reply) []slackgo.MsgOption {
	options := m.options(r)
	if len(m.blocks) == 0 {
		options = append(options, slackgo.MsgOptionBlocks())
	}
	if m.file != nil {
		options = append(options, slackgo.MsgOptionFileIDs([]string{m.fileID}))
	}
	return options
}

// typingFor is how long a status is shown when no message ends it
// (https://docs.slack.dev/reference/methods/assistant.threads.setStatus).
const typingFor = 2 * time.Minute

// Typing implements adapters.Typer. Slack shows what a bot is doing in threads only;
// elsewhere nothing is called.
func (a *Adapter) Typing(ctx context.Context, to core.Conversation) error {
	if to.Thread == "" || a.noStatus.Load() {
		return nil
	}
	where, err := addressOfReply(core.Reply{To: to})
	if err != nil {
		return err
	}
	status := slackgo.AssistantThreadsSetStatusParameters{ChannelID: where.channel, ThreadTS: where.thread, Status: "is thinking…"}
	err = a.api.call(ctx, "assistant.threads.setStatus", func(ctx context.Context) error {
		return a.api.client.SetAssistantThreadsStatusContext(ctx, status)
	})
	switch refused(err) {
	case "missing_scope", "not_allowed_token_type", "unknown_method", "method_deprecated":
		// The app was set up without it; it is an adornment.
		a.noStatus.Store(true)
		a.log.Info().Msg("no typing is shown: the app lacks the scope assistant:write or chat:write for it")
		return nil
	}
	return err
}
