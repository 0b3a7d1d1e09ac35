package discord

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
)

// reader turns events into envelopes for one account. It is pure: the same event
// gives the same envelopes.
type reader struct {
	account core.Account
	// self is the bot's own id.
	self string
	// threads gives the channel a thread hangs under; missing for other channels.
	threads map[string]string
	// roles are the bot's roles.
	roles map[string]bool
}

// envelopes reads an event; now is the time of those that carry none. Events that
// say nothing of a conversation give none, those of an unknown kind or shape one of
// KindOther.
func (r reader) envelopes(event string, data json.RawMessage, now time.Time) []core.Envelope {
	one := func(e core.Envelope) []core.Envelope { return []core.Envelope{e} }
	switch event {
	case "MESSAGE_CREATE":
		var m message
		if json.Unmarshal(data, &m) != nil || m.ID == "" || m.ChannelID == "" {
			return one(r.unreadable(event, data, now))
		}
		return one(r.message(&m, now))
	case "MESSAGE_UPDATE":
		var m message
		if json.Unmarshal(data, &m) != nil || m.ID == "" || m.ChannelID == "" {
			return one(r.unreadable(event, data, now))
		}
		return one(r.edit(&m, data, now))
	case "MESSAGE_DELETE", "MESSAGE_DELETE_BULK":
		return r.deletions(event, data, now)
	case "MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE":
		var x reaction
		if json.Unmarshal(data, &x) != nil || x.ChannelID == "" || x.UserID == "" {
			return one(r.unreadable(event, data, now))
		}
		return one(r.reaction(&x, data, event == "MESSAGE_REACTION_REMOVE", now))
	case "INTERACTION_CREATE":
		var i interaction
		if json.Unmarshal(data, &i) != nil || i.ID == "" {
			return one(r.unreadable(event, data, now))
		}
		return one(r.interaction(&i, now))
	default:
		if silent(event) {
			return nil
		}
		return one(r.unreadable(event, data, now))
	}
}

// unreadable keeps an event of a kind or shape this version does not know.
func (r reader) unreadable(event string, data json.RawMessage, now time.Time) core.Envelope {
	return r.finish(core.Envelope{Kind: core.KindOther, Parts: []core.Part{core.Unsupported{What: event}}}, now, event, string(data))
}

// finish fills in what an event did not name, and its id.
func (r reader) finish(e core.Envelope, now time.Time, native ...string) core.Envelope {
	if e.In.Chat == "" {
		e.In = core.Conversation{Account: r.account, Place: core.Private, Chat: nowhere}
	}
	if e.From.ID == "" {
		e.From = core.Sender{Realm: realm, ID: nobody}
	}
	if len(e.Parts) == 0 {
		e.Parts = []core.Part{core.Unsupported{What: "empty message"}}
	}
	if e.SentAt.IsZero() {
		e.SentAt = now.UTC()
	}
	if e.Kind == core.KindOther {
		e.Addressed = false
	}
	e.ID = core.NewEnvelopeID(r.account, e.Kind, native...)
	return e
}

// place is the conversation of a channel.
func (r reader) place(channelID, guildID string) core.Conversation {
	c := core.Conversation{Account: r.account, Place: core.Private, Chat: core.ChatID(channelID)}
	if guildID == "" {
		return c
	}
	c.Place = core.Group
	if parent := r.threads[channelID]; parent != "" {
		c.Chat, c.Thread = core.ChatID(parent), core.ThreadID(channelID)
	}
	return c
}

// message reads what was said.
func (r reader) message(m *message, now time.Time) core.Envelope {
	e := core.Envelope{
		Kind:   core.KindMessage,
		In:     r.place(m.ChannelID, m.GuildID),
		From:   senderOf(m.Author, m.Member),
		Native: core.MessageID(m.ID),
		SentAt: moment(m.Timestamp, idTime(m.ID, now)),
	}
	e.ReplyTo = r.quote(m)
	e.Parts, e.Addressed = r.content(m)
	e.Addressed = e.Addressed || e.In.Place == core.Private || (e.ReplyTo != nil && e.ReplyTo.ByBot)
	switch {
	case m.Type != typeDefault && m.Type != typeReply:
		// Somebody joined, pinned, boosted: said by nobody.
		e.Kind, e.Parts = core.KindOther, []core.Part{core.Unsupported{What: "message type " + strconv.Itoa(m.Type)}}
	case e.From.Bot || m.WebhookID != "" || m.Author == nil:
		// Bots do not talk to bots, this one included.
		e.Kind = core.KindOther
	}
	return r.finish(e, now, m.ChannelID, m.ID)
}

// edit reads a changed message. Discord tells the same way that it drew the
// preview of a link; that one carries no new time of an edit.
func (r reader) edit(m *message, data json.RawMessage, now time.Time) core.Envelope {
	e := r.message(m, now)
	if e.Kind != core.KindMessage || m.EditedTimestamp == "" {
		e.Kind = core.KindOther
		return r.finish(e, now, "update", string(data))
	}
	e.Kind = core.KindEdit
	e.SentAt = moment(m.EditedTimestamp, e.SentAt)
	return r.finish(e, now, m.ChannelID, m.ID, m.EditedTimestamp)
}

func (r reader) deletions(event string, data json.RawMessage, now time.Time) []core.Envelope {
	var d deletion
	if json.Unmarshal(data, &d) != nil || d.ChannelID == "" || (d.ID == "" && len(d.IDs) == 0) {
		return []core.Envelope{r.unreadable(event, data, now)}
	}
	if d.ID != "" {
		d.IDs = []string{d.ID}
	}
	out := make([]core.Envelope, 0, len(d.IDs))
	for _, id := range d.IDs {
		e := core.Envelope{Kind: core.KindDelete, In: r.place(d.ChannelID, d.GuildID), Native: core.MessageID(id)}
		e.Parts = []core.Part{core.Unsupported{What: "deleted"}}
		out = append(out, r.finish(e, now, d.ChannelID, id))
	}
	return out
}

// reaction reads an emoji put under a message or taken away. It has no id of its
// own, so its words are its identity: the same reaction put, taken and put again is
// told apart only by what lies between.
func (r reader) reaction(x *reaction, data json.RawMessage, removed bool, now time.Time) core.Envelope {
	emoji := x.Emoji.Name
	if x.Emoji.ID != "" {
		emoji = ":" + emoji + ":"
	}
	e := core.Envelope{
		Kind:   core.KindReaction,
		In:     r.place(x.ChannelID, x.GuildID),
		Native: core.MessageID(x.MessageID),
		From:   core.Sender{Realm: realm, ID: core.UserID(x.UserID)},
		Parts:  []core.Part{core.Reaction{Emoji: emoji, Removed: removed}},
	}
	if x.Member != nil {
		e.From = senderOf(x.Member.User, x.Member)
	}
	e.Addressed = e.In.Place == core.Private || x.AuthorID == r.self
	if x.UserID == r.self || e.From.Bot {
		e.Kind = core.KindOther
	}
	return r.finish(e, now, strconv.FormatBool(removed), string(data))
}

// talkCommand is the slash command for people who just want to say something.
const talkCommand = "ask"

// interactionID is the id of the envelope that an interaction becomes.
func interactionID(account core.Account, kind core.Kind, id string) core.EnvelopeID {
	return core.NewEnvelopeID(account, kind, "interaction", id)
}

// interaction reads a slash command or a press of a button.
func (r reader) interaction(i *interaction, now time.Time) core.Envelope {
	e := core.Envelope{
		Kind:      core.KindMessage,
		Native:    core.MessageID(i.ID),
		Addressed: true,
		SentAt:    idTime(i.ID, now),
	}
	if i.ChannelID == "" && i.Channel != nil {
		i.ChannelID = i.Channel.ID
	}
	if i.ChannelID != "" {
		e.In = r.place(i.ChannelID, i.GuildID)
	}
	if i.Channel != nil && i.Channel.thread() && i.GuildID != "" {
		e.In.Chat, e.In.Thread = core.ChatID(i.Channel.ParentID), core.ThreadID(i.ChannelID)
	}
	switch {
	case i.Member != nil:
		e.From = senderOf(i.Member.User, i.Member)
	case i.User != nil:
		e.From = senderOf(i.User, nil)
	}
	e.From.Language = i.Locale
	switch i.Type {
	case interactionCommand:
		e.Parts = commandParts(i)
	case interactionComponent:
		e.Kind = core.KindAction
		data := i.Data.CustomID
		if len(i.Data.Values) > 0 {
			data = strings.Join(i.Data.Values, ",")
		}
		e.Parts = []core.Part{core.Action{Data: data, Callback: i.ID}}
		if i.Message != nil {
			e.Native = core.MessageID(i.Message.ID)
		}
	default:
		e.Kind, e.Parts = core.KindOther, []core.Part{core.Unsupported{What: "interaction type " + strconv.Itoa(i.Type)}}
	}
	if i.ChannelID == "" || e.From.ID == "" {
		e.Kind = core.KindOther
	}
	return r.finish(e, now, "interaction", i.ID)
}

// commandParts are the name and the arguments of a slash command, or the words of
// the one that is only there to say some.
func commandParts(i *interaction) []core.Part {
	var words []string
	var media []core.Media
	var walk func(options []option, depth int)
	walk = func(options []option, depth int) {
		for _, o := range options {
			if len(o.Options) > 0 && depth < 3 {
				words = append(words, o.Name)
				walk(o.Options, depth+1)
				continue
			}
			value := optionText(o.Value)
			typed := depth == 0 && o.Name != freeText && o.Type != optionFile
			if a, ok := i.Data.Resolved.Attachments[value]; ok {
				media = append(media, a.media(i.ChannelID, "0"))
			} else if typed {
				words = append(words, adapters.Spell(argumentName(o.Name), value))
			} else if value != "" {
				words = append(words, value)
			}
		}
	}
	walk(i.Data.Options, 0)
	args := strings.Join(words, " ")
	name := strings.ToLower(i.Data.Name)
	said := core.Part(core.Command{Name: name, Args: args})
	if name == talkCommand && args != "" {
		said = core.Text{Text: args}
	}
	if name == talkCommand && len(media) > 0 {
		media[0].Caption, said = args, nil
	}
	var parts []core.Part
	if said != nil {
		parts = append(parts, said)
	}
	for _, m := range media {
		parts = append(parts, m)
	}
	return parts
}

func optionText(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

func senderOf(u *user, m *member) core.Sender {
	if u == nil {
		return core.Sender{}
	}
	s := core.Sender{Realm: realm, ID: core.UserID(u.ID), Name: u.name(), Handle: u.Username, Bot: u.Bot || u.System}
	if m != nil && m.Nick != "" {
		s.Name = m.Nick
	}
	return s
}

func (u user) name() string {
	if u.GlobalName != "" {
		return u.GlobalName
	}
	return u.Username
}

// moment reads a time; or stands for one that is missing or absurd.
func moment(text string, or time.Time) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1 || t.UTC().Year() > 9999 {
		return or.UTC()
	}
	return t.UTC()
}
