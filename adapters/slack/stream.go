package slack

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	slackgo "github.com/slack-go/slack"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// In a thread a draft is a stream (https://docs.slack.dev/reference/methods/chat.startStream):
// a message that takes Markdown and only ever grows. What does not go on where the last
// words ended makes it an ordinary message, which is replaced. Until a stream was
// stopped its message cannot be replaced; Slack stops one by itself after some minutes.
// Only stopping hides metadata in it, so a draft is never taken for its reply.

const (
	// maxAppended is the longest Markdown of one call.
	maxAppended = 12000
	// noStreams is how long no stream is tried where the app may have none.
	noStreams = time.Hour
)

const (
	// askerKind are notes of who is answered in a channel's thread, kept for askerLife.
	askerKind = "asker"
	askerLife = 24 * time.Hour
)

// asker is who is answered in a thread: a stream in a channel is for one person.
type asker struct {
	User string `json:"user"`
	Team string `json:"team"`
}

// heardFrom remembers who asks in a channel's thread.
func (a *Adapter) heardFrom(ctx context.Context, e core.Envelope) {
	if e.From.Bot || !e.Addressed || e.In.Place != core.Group || e.Kind != core.KindMessage && e.Kind != core.KindAction {
		return
	}
	at := address{channel: string(e.In.Chat), thread: string(e.In.Thread)}
	if at.thread == "" {
		at.thread = string(e.Native)
	}
	value, err := json.Marshal(asker{User: string(e.From.ID), Team: teamOf(e.From.Realm)})
	if err == nil && at.thread != "" {
		err = a.memory.Put(ctx, a.noteAt(askerKind, at), value, askerLife)
	}
	if err != nil {
		a.log.Debug().Err(err).Msg("who asks is not remembered: the draft is no stream")
	}
}

// askerIn is who is answered in a channel's thread.
func (a *Adapter) askerIn(ctx context.Context, at address) (who asker, known bool) {
	value, known, err := a.memory.Get(ctx, a.noteAt(askerKind, at))
	if known {
		err = json.Unmarshal(value, &who)
	}
	if err != nil {
		a.log.Debug().Err(err).Msg("nobody knows who asked: the draft is no stream")
	}
	return who, known && err == nil
}

// begin shows a draft as a stream; false means that it must be a message.
func (a *Adapter) begin(ctx context.Context, r core.Reply, to address) (ts string, ok bool, err error) {
	text, ok := growing(r)
	if !ok || text == "" || to.thread == "" {
		return "", false, nil
	}
	options := []slackgo.MsgOption{slackgo.MsgOptionTS(to.thread), slackgo.MsgOptionMarkdownText(text)}
	if r.To.Place == core.Group {
		who, known := a.askerIn(ctx, to)
		if !known {
			return "", false, nil
		}
		options = append(options, slackgo.MsgOptionRecipientUserID(who.User), slackgo.MsgOptionRecipientTeamID(who.Team))
	}
	if !a.paces.streams.enter(a.now()) {
		return "", false, nil
	}
	err = a.api.call(ctx, "chat.startStream", func(ctx context.Context) (err error) {
		_, ts, err = a.api.client.StartStreamContext(ctx, to.channel, options...)
		return err
	})
	switch class := fault.ClassOf(err); {
	case err == nil:
	case class == fault.RateLimited:
		a.paces.streams.pause(a.now().Add(fault.Wait(err)))
		return "", false, nil
	case class == fault.Permanent, refused(err) == "missing_scope", refused(err) == "not_allowed_token_type":
		// There is no stream, which is certain: the draft can still be a message.
		a.log.Debug().Err(err).Msg("a draft is no stream")
		if forGood[refused(err)] {
			a.paces.streams.pause(a.now().Add(noStreams))
		}
		return "", false, nil
	default:
		return "", false, err
	}
	if _, err := parseTS(ts); err != nil {
		return "", false, fault.New(fault.Retryable, "chat.startStream", errNoMessage, fault.Unsure())
	}
	a.streams.Set(address{to.channel, ts}, text)
	return ts, true, nil
}

// forGood are refusals that the next stream would meet too.
var forGood = map[string]bool{
	"unknown_method": true, "method_deprecated": true, "missing_scope": true, "not_allowed_token_type": true,
}

// grow shows a reply by the stream that its message still is; false means that it is none
// any more and the message may be replaced. Who grows a stream has taken it: after a call
// of unknown outcome nobody knows its words, and nobody takes it again.
func (a *Adapter) grow(ctx context.Context, at address, r core.Reply, m outgoing, more bool) (done bool, err error) {
	sent, ok := a.streams.Take(at)
	if !ok {
		return false, nil
	}
	text, ok := growing(r)
	added, goesOn := strings.CutPrefix(text, sent)
	if !ok || !goesOn || r.Final && (more || m.file != nil || len(r.Sent) > 0) || len(added) > maxAppended {
		return false, a.stop(ctx, at)
	}
	if r.Final {
		err = a.stop(ctx, at, append(m.ending(r), slackgo.MsgOptionMarkdownText(added))...)
	} else if added == "" || !a.paces.appends.enter(a.now()) {
		text = sent // the next draft brings it
	} else {
		err = a.api.call(ctx, "chat.appendStream", func(ctx context.Context) error {
			_, _, err := a.api.client.AppendStreamContext(ctx, at.channel, at.thread, slackgo.MsgOptionMarkdownText(added))
			return err
		})
	}
	switch {
	case err == nil && !r.Final:
		a.streams.Set(at, text)
		return true, nil
	case err == nil:
		return true, nil
	case fault.ClassOf(err) == fault.Permanent:
		return false, nil // it is over, or will not take this: replacing tells
	case !fault.IsUnsure(err):
		a.streams.Set(at, sent)
	}
	return false, err
}

// ending are the arguments that make a stream the final: its buttons and its metadata.
func (m outgoing) ending(r core.Reply) []slackgo.MsgOption {
	options := []slackgo.MsgOption{tag(r)}
	if len(m.rows) > 0 {
		options = append(options, slackgo.MsgOptionBlocks(m.rows...))
	}
	return options
}

// stop ends a stream. One that was over is what is wanted.
func (a *Adapter) stop(ctx context.Context, at address, options ...slackgo.MsgOption) error {
	err := a.api.call(ctx, "chat.stopStream", func(ctx context.Context) error {
		_, _, err := a.api.client.StopStreamContext(ctx, at.channel, at.thread, options...)
		return err
	})
	if len(options) == 0 && fault.ClassOf(err) == fault.Permanent {
		return nil // nothing was to be shown, and replacing tells if something is wrong
	}
	return err
}

// replace makes a message show something else, though it may be a stream that nobody
// here knows of: one that a crash left open.
func (a *Adapter) replace(ctx context.Context, at address, options []slackgo.MsgOption) error {
	err := a.update(ctx, at, options)
	if refused(err) != "streaming_state_conflict" {
		return err
	}
	if err := a.stop(ctx, at); err != nil {
		return err
	}
	return a.update(ctx, at, options)
}

// growing is a reply as the Markdown of a stream; false when it holds what a stream cannot.
// A draft is cut where its message would be too long, so that longer ones go on with it.
func growing(r core.Reply) (text string, ok bool) {
	var texts []string
	for _, p := range r.Parts {
		switch p := p.(type) {
		case core.Text:
			if p.Format != core.Markdown {
				return "", false
			}
			texts = append(texts, p.Text)
		case core.Buttons:
		default:
			return "", false
		}
	}
	// The last letter of a draft may be there in part.
	text = strings.ToValidUTF8(strings.Join(texts, "\n\n"), "")
	if !r.Final {
		text = shortened(strings.TrimSuffix(text, "<"))
	}
	return inert(text), true
}

// shortened cuts a text that is too long for a message.
func shortened(text string) string {
	if units(text) <= maxText {
		return text
	}
	n := 0
	for i, r := range text {
		if n += max(utf16.RuneLen(r), 1); n > maxText-1 {
			return text[:i] + ellipsis
		}
	}
	return text
}

// inert takes the meaning from what would call people: no model does that.
func inert(text string) string {
	var b strings.Builder
	for {
		before, behind, found := strings.Cut(text, "<")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('<')
		if next, _ := utf8.DecodeRuneInString(behind); next == '@' || next == '!' || next == '#' {
			b.WriteString(gap)
		}
		text = behind
	}
}
