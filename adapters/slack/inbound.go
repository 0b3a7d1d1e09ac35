package slack

import (
	"cmp"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
)

// reader turns deliveries into envelopes for one account. It is pure: the same
// delivery gives the same envelope.
type reader struct {
	account core.Account
	team    string
	// self is the id of the bot as a user; "" when unknown.
	self string
	// people are those of the delivery whose names are known.
	people map[string]person
}

// envelope reads a delivery. now is the time of those that carry none. Every delivery
// becomes an envelope: what has no meaning here is KindOther.
func (r reader) envelope(in incoming, now time.Time) core.Envelope {
	if in.Event != nil && in.Event.TeamID != "" {
		r.team = in.Event.TeamID
	}
	switch {
	case in.Command != nil && in.Command.UserID != "" && idShape.MatchString(in.Command.ChannelID):
		return r.command(in, now)
	case in.Interaction != nil:
		return r.interaction(in, now)
	case in.Event == nil || in.Event.Event == nil:
		return r.other(in, core.Envelope{}, now)
	}
	e := in.Event.Event
	switch e.Type {
	case "message", "app_mention":
		return r.said(in, e, now)
	case "reaction_added", "reaction_removed":
		return r.reaction(in, e, now)
	case "member_joined_channel", "member_left_channel":
		return r.membership(in, e, now)
	default:
		return r.other(in, core.Envelope{In: r.place(string(e.Channel), ""), From: r.sender(string(e.User))}, now)
	}
}

// channel names the chat of a delivery, to keep each chat's deliveries in order.
func (in incoming) channel() string {
	switch {
	case in.Command != nil:
		return in.Command.ChannelID
	case in.Interaction != nil && in.Interaction.Container.ChannelID != "":
		return in.Interaction.Container.ChannelID
	case in.Interaction != nil:
		return string(in.Interaction.Channel)
	case in.Event == nil || in.Event.Event == nil:
		return ""
	}
	if item := in.Event.Event.Item; item != nil {
		return item.Channel
	}
	return string(in.Event.Event.Channel)
}

// other makes an envelope of a delivery that nobody answers; e is what is known of it.
func (r reader) other(in incoming, e core.Envelope, now time.Time) core.Envelope {
	if e.In.Chat == "" {
		e.In = core.Conversation{Account: r.account, Place: core.Private, Chat: nowhere}
	}
	if e.From.ID == "" {
		e.From = core.Sender{Realm: realmOf(r.team), ID: nobody}
	}
	if len(e.Parts) == 0 {
		e.Parts = []core.Part{core.Unsupported{What: in.name()}}
	}
	if e.SentAt.IsZero() {
		e.SentAt = now.UTC()
		if in.Event != nil && in.Event.EventTime > 0 && in.Event.EventTime < farFuture {
			e.SentAt = time.Unix(in.Event.EventTime, 0).UTC()
		}
	}
	e.Kind, e.Addressed = core.KindOther, false
	if in.Event != nil && in.Event.EventID != "" {
		e.ID = core.NewEnvelopeID(r.account, e.Kind, "event", in.Event.EventID)
	} else {
		e.ID = core.NewEnvelopeID(r.account, e.Kind, "bytes", string(in.raw))
	}
	return e
}

// name is what a delivery is, in the platform's words.
func (in incoming) name() string {
	switch {
	case in.Interaction != nil && in.Interaction.Type != "":
		return in.Interaction.Type
	case in.Event != nil && in.Event.Event != nil && in.Event.Event.Subtype != "":
		return in.Event.Event.Type + "." + in.Event.Event.Subtype
	case in.Event != nil && in.Event.Event != nil && in.Event.Event.Type != "":
		return in.Event.Event.Type
	case in.Event != nil && in.Event.Type != "":
		return in.Event.Type
	case in.what == "":
		return "unknown"
	}
	return in.what
}

// place is the conversation of a channel; "" is nowhere.
func (r reader) place(channel, thread string) core.Conversation {
	if !idShape.MatchString(channel) {
		return core.Conversation{Account: r.account, Place: core.Private, Chat: nowhere}
	}
	c := core.Conversation{Account: r.account, Place: placeOf(channel), Chat: core.ChatID(channel)}
	if tsShape.MatchString(thread) {
		c.Thread = core.ThreadID(thread)
	}
	return c
}

func (r reader) sender(user string) core.Sender {
	p := r.people[user]
	return core.Sender{Realm: realmOf(r.team), ID: core.UserID(user), Name: p.name, Handle: p.handle, Language: p.language}
}

// people are the subtypes of messages that somebody wrote. All others tell what
// happened in a channel, or come from bots.
var people = map[string]bool{"": true, "file_share": true, "thread_broadcast": true, "me_message": true}

// said reads a message or a change of one.
func (r reader) said(in incoming, e *event, now time.Time) core.Envelope {
	switch {
	case e.Subtype == "message_changed" && e.Message != nil:
		return r.changed(in, e, now)
	case e.Subtype == "message_deleted":
		return r.deleted(in, e, e.DeletedTS, now)
	}
	out := r.message(string(e.Channel), e, now)
	if !people[e.Subtype] || r.isBot(e) || out.Native == "" || out.In.Chat == nowhere || out.From.ID == "" {
		return r.other(in, out, now)
	}
	// One message that mentions the bot comes as a message and as an app_mention: the
	// channel and the timestamp are the same.
	out.Kind = core.KindMessage
	out.ID = core.NewEnvelopeID(r.account, out.Kind, string(out.In.Chat), string(out.Native))
	return out
}

// isBot tells whether a bot wrote a message: this one, another one, or Slack itself.
func (r reader) isBot(e *event) bool {
	return e.BotID != "" || e.Subtype == "bot_message" || e.User == "USLACKBOT" || r.self != "" && string(e.User) == r.self
}

// placeOfMessage is the conversation a message belongs to. A first message of a
// thread stands in the channel, unless somebody talks to the bot with it: the answer
// opens its thread, and both are one conversation.
func (r reader) placeOfMessage(channel string, e *event) core.Conversation {
	if e.ThreadTS != "" && e.ThreadTS != e.TS {
		return r.place(channel, e.ThreadTS)
	}
	asked := people[e.Subtype] && !r.isBot(e) && (e.Type == "app_mention" || r.words(e.Text).self)
	if asked && placeOf(channel) == core.Group {
		return r.place(channel, e.TS)
	}
	return r.place(channel, "")
}

// message reads what a message says, whoever wrote it.
func (r reader) message(channel string, e *event, now time.Time) core.Envelope {
	out := core.Envelope{In: r.placeOfMessage(channel, e), From: r.sender(string(e.User)), SentAt: moment(e.TS, now)}
	out.From.Bot = r.isBot(e)
	if tsShape.MatchString(e.TS) {
		out.Native = core.MessageID(e.TS)
	}
	private := out.In.Place == core.Private
	var mentioned bool
	out.Parts, mentioned = r.content(e, private)
	if e.ParentUser != "" && out.In.Thread != "" {
		out.ReplyTo = &core.Quote{Message: core.MessageID(out.In.Thread), ByBot: e.ParentUser == r.self}
	}
	out.Addressed = private || mentioned || e.Type == "app_mention" || (out.ReplyTo != nil && out.ReplyTo.ByBot)
	if len(out.Parts) == 0 {
		out.Parts = []core.Part{core.Unsupported{What: "message"}}
	}
	return out
}

// changed reads a new text for an earlier message. Slack tells of other changes the
// same way (a preview of a link, an answer in the thread): those carry no edit.
func (r reader) changed(in incoming, e *event, now time.Time) core.Envelope {
	m := e.Message
	if m.Subtype == "tombstone" {
		return r.deleted(in, e, m.TS, now)
	}
	out := r.message(string(e.Channel), m, now)
	if e.Previous != nil && out.In.Thread == "" {
		out.In = r.placeOfMessage(string(e.Channel), e.Previous) // it may name the bot no more
	}
	edited := m.Edited != nil && (e.Previous == nil || e.Previous.Edited == nil || e.Previous.Edited.TS != m.Edited.TS)
	if !edited || !people[m.Subtype] || r.isBot(m) || out.Native == "" || out.In.Chat == nowhere || out.From.ID == "" {
		return r.other(in, out, now)
	}
	out.Kind = core.KindEdit
	out.SentAt = moment(m.Edited.TS, out.SentAt)
	out.ID = core.NewEnvelopeID(r.account, out.Kind, string(out.In.Chat), string(out.Native), m.Edited.TS)
	return out
}

// deleted reads that a message was taken back.
func (r reader) deleted(in incoming, e *event, ts string, now time.Time) core.Envelope {
	out := core.Envelope{In: r.place(string(e.Channel), ""), SentAt: moment(e.EventTS, now)}
	byBot := false
	if was := e.Previous; was != nil {
		out.From = r.sender(string(was.User))
		out.In = r.placeOfMessage(string(e.Channel), was)
		byBot = r.isBot(was)
	}
	if byBot || !tsShape.MatchString(ts) || out.In.Chat == nowhere || out.From.ID == "" {
		return r.other(in, out, now)
	}
	out.Kind, out.Native = core.KindDelete, core.MessageID(ts)
	out.Addressed = out.In.Place == core.Private
	out.ID = core.NewEnvelopeID(r.account, out.Kind, string(out.In.Chat), ts)
	return out
}

// reaction reads an emoji put under a message, or taken away. Slack does not say
// whether the message stands in a thread.
func (r reader) reaction(in incoming, e *event, now time.Time) core.Envelope {
	out := core.Envelope{From: r.sender(string(e.User)), SentAt: moment(e.EventTS, now)}
	if e.Item == nil || e.Item.Type != "message" || !tsShape.MatchString(e.Item.TS) || e.User == "" || string(e.User) == r.self {
		return r.other(in, out, now)
	}
	out.In = r.place(e.Item.Channel, "")
	if out.In.Chat == nowhere {
		return r.other(in, out, now)
	}
	out.Kind, out.Native = core.KindReaction, core.MessageID(e.Item.TS)
	out.Addressed = out.In.Place == core.Private || r.self != "" && e.ItemUser == r.self
	out.Parts = []core.Part{core.Reaction{Emoji: emoji(e.Reaction), Removed: e.Type == "reaction_removed"}}
	out.ID = core.NewEnvelopeID(r.account, out.Kind, string(out.In.Chat), e.Item.TS, string(e.User), e.Type, e.Reaction, e.EventTS)
	return out
}

// membership reads who came and who went.
func (r reader) membership(in incoming, e *event, now time.Time) core.Envelope {
	out := core.Envelope{In: r.place(string(e.Channel), ""), From: r.sender(string(e.User)), SentAt: moment(e.EventTS, now)}
	if out.In.Chat == nowhere || e.User == "" {
		return r.other(in, out, now)
	}
	who := r.sender(string(e.User))
	change := core.Change{Self: string(e.User) == r.self}
	who.Bot = change.Self
	if e.Type == "member_joined_channel" {
		change.Joined = []core.Sender{who}
	} else {
		change.Left = []core.Sender{who}
	}
	out.Kind, out.Parts = core.KindMembership, []core.Part{change}
	out.ID = core.NewEnvelopeID(r.account, out.Kind, string(out.In.Chat), string(e.User), e.Type, e.EventTS)
	return out
}

// command reads a slash command. It belongs to no message, so it is told from others
// by the trigger that came with it.
func (r reader) command(in incoming, now time.Time) core.Envelope {
	c := in.Command
	if c.TeamID != "" {
		r.team = c.TeamID
	}
	name := strings.ToLower(strings.TrimLeft(c.Command, "/"))
	out := core.Envelope{
		Kind: core.KindMessage, In: r.place(c.ChannelID, c.ThreadTS), From: r.sender(c.UserID), Addressed: true,
		Parts:  []core.Part{core.Command{Name: name, Args: strings.TrimSpace(r.plain(c.Text))}},
		SentAt: now.UTC(),
	}
	out.From.Name, out.From.Handle = cmp.Or(out.From.Name, c.UserName), cmp.Or(out.From.Handle, c.UserName)
	if name == "" {
		return r.other(in, out, now)
	}
	trigger := c.TriggerID
	if trigger == "" {
		trigger = string(in.raw)
	}
	out.ID = core.NewEnvelopeID(r.account, out.Kind, "command", trigger)
	return out
}

// interaction reads a press of a button. Other components come as their own kinds.
func (r reader) interaction(in incoming, now time.Time) core.Envelope {
	i := in.Interaction
	if i.Team != nil && i.Team.ID != "" {
		r.team = i.Team.ID
	}
	thread, message := i.Container.ThreadTS, i.Container.MessageTS
	if i.Message != nil {
		message = i.Message.TS
		if i.Message.ThreadTS != message {
			thread = i.Message.ThreadTS
		}
	}
	out := core.Envelope{In: r.place(in.channel(), thread), From: r.sender(i.User.ID), SentAt: now.UTC()}
	out.From.Name, out.From.Handle = cmp.Or(out.From.Name, i.User.Name), cmp.Or(out.From.Handle, i.User.Username)
	if tsShape.MatchString(message) {
		out.Native = core.MessageID(message)
	}
	if i.Type != "block_actions" || len(i.Actions) == 0 || out.In.Chat == nowhere || i.User.ID == "" {
		return r.other(in, out, now)
	}
	a := i.Actions[0]
	data := a.Value
	if a.Selected != nil {
		data = a.Selected.Value
	}
	if data == "" {
		return r.other(in, out, now) // a button that only opens an address
	}
	out.Kind, out.Addressed = core.KindAction, true
	out.SentAt = moment(a.ActionTS, now)
	out.Parts = []core.Part{core.Action{Data: data}}
	out.ID = core.NewEnvelopeID(r.account, out.Kind, string(out.In.Chat), message, i.User.ID, a.BlockID, a.ActionID, a.ActionTS, i.TriggerID)
	return out
}
