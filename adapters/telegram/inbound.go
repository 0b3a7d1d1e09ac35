package telegram

import (
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
)

// nowhere is the chat of updates that belong to none; no chat has this id.
const nowhere core.ChatID = "0"

// reader turns updates into envelopes for one account. It is pure: the same update
// gives the same envelope.
type reader struct {
	account core.Account
	self    user
}

// envelope reads an update. now is the time of events that carry none. Every
// update becomes an envelope: what has no meaning here is KindOther.
func (r reader) envelope(u update, now time.Time) core.Envelope {
	switch {
	case u.Message != nil:
		return r.message(u.Message, now)
	case u.EditedMessage != nil:
		e := r.message(u.EditedMessage, now)
		if e.Kind != core.KindMessage {
			return r.other(u, e, now)
		}
		e.Kind = core.KindEdit
		e.ID = core.NewEnvelopeID(r.account, e.Kind, string(e.In.Chat), string(e.Native), decimal(u.EditedMessage.EditDate))
		e.SentAt = moment(u.EditedMessage.EditDate, e.SentAt)
		return e
	case u.CallbackQuery != nil:
		return r.action(u.CallbackQuery, now)
	case u.MyChatMember != nil:
		return r.membership(u, now)
	case u.ChannelPost != nil:
		return r.other(u, r.message(u.ChannelPost, now), now)
	case u.EditedChannelPost != nil:
		return r.other(u, r.message(u.EditedChannelPost, now), now)
	default:
		return r.other(u, core.Envelope{}, now)
	}
}

// other makes an envelope of an update that nobody answers; e is what is known of it.
func (r reader) other(u update, e core.Envelope, now time.Time) core.Envelope {
	if e.In.Chat == "" {
		e.In = core.Conversation{Account: r.account, Place: core.Private, Chat: nowhere}
	}
	if e.From.ID == "" {
		e.From = core.Sender{Realm: realm, ID: core.UserID(nowhere)}
	}
	if len(e.Parts) == 0 {
		e.Parts = []core.Part{core.Unsupported{What: u.what}}
	}
	if e.SentAt.IsZero() {
		e.SentAt = now.UTC()
	}
	e.Kind, e.Addressed = core.KindOther, false
	e.ID = core.NewEnvelopeID(r.account, e.Kind, "update", decimal(u.ID))
	return e
}

// message reads a message of any kind.
func (r reader) message(m *message, now time.Time) core.Envelope {
	e := core.Envelope{
		Kind:   core.KindMessage,
		In:     r.place(m),
		From:   senderOf(m),
		Native: mintMessage(m.MessageID),
		SentAt: moment(m.Date, now),
		Album:  core.AlbumID(m.MediaGroupID),
	}
	e.ReplyTo = r.quote(m)
	switch {
	case m.MigrateToChatID != 0:
		to := e.In
		to.Chat = mintChat(m.MigrateToChatID)
		e.Kind, e.Parts = core.KindMoved, []core.Part{core.Moved{To: to}}
	case len(m.NewChatMembers) > 0 || m.LeftChatMember != nil:
		e.Kind, e.Parts = r.service(m)
	default:
		e.Parts, e.Addressed = r.content(m)
		e.Addressed = e.Addressed || e.In.Place == core.Private || (e.ReplyTo != nil && e.ReplyTo.ByBot)
		// Bots do not talk to bots, this one included; a post that the server itself
		// carried over from a channel is nobody's question; the mirror of a migration
		// says nothing new.
		if e.From.Bot || m.IsAutomaticForward || m.MigrateFromChatID != 0 || m.Chat.Type == "channel" {
			e.Kind, e.Addressed = core.KindOther, false
		}
	}
	if len(e.Parts) == 0 {
		e.Parts = []core.Part{core.Unsupported{What: contentName(m)}}
	}
	e.ID = core.NewEnvelopeID(r.account, e.Kind, string(e.In.Chat), string(e.Native))
	return e
}

// service reads who came and who went. What becomes of the bot itself is told by
// my_chat_member, so it is left out here: one event, one envelope.
func (r reader) service(m *message) (core.Kind, []core.Part) {
	var change core.Change
	for _, u := range m.NewChatMembers {
		if u.ID != r.self.ID {
			change.Joined = append(change.Joined, u.sender())
		}
	}
	if u := m.LeftChatMember; u != nil && u.ID != r.self.ID {
		change.Left = append(change.Left, u.sender())
	}
	if len(change.Joined)+len(change.Left) == 0 {
		return core.KindOther, nil
	}
	return core.KindMembership, []core.Part{change}
}

// membership reads what became of the bot itself.
func (r reader) membership(u update, now time.Time) core.Envelope {
	m := u.MyChatMember
	e := core.Envelope{
		Kind:   core.KindMembership,
		In:     core.Conversation{Account: r.account, Place: placeOf(m.Chat), Chat: mintChat(m.Chat.ID)},
		From:   m.From.sender(),
		SentAt: moment(m.Date, now),
	}
	change := core.Change{Self: true}
	self := m.NewChatMember.User.sender()
	switch was, is := m.OldChatMember.in(), m.NewChatMember.in(); {
	case !was && is:
		change.Joined = []core.Sender{self}
	case was && !is:
		change.Left = []core.Sender{self}
	}
	e.Parts = []core.Part{change}
	e.ID = core.NewEnvelopeID(r.account, e.Kind, "update", decimal(u.ID))
	return e
}

// action reads a press of a button. The message with the button may be too old to
// be told (date 0), or written through inline mode and without a chat.
func (r reader) action(q *callbackQuery, now time.Time) core.Envelope {
	e := core.Envelope{
		Kind:      core.KindAction,
		In:        core.Conversation{Account: r.account, Place: core.Private, Chat: mintChat(q.From.ID)},
		From:      q.From.sender(),
		Addressed: true,
		Parts:     []core.Part{core.Action{Data: q.Data, Callback: q.ID}},
		SentAt:    now.UTC(),
	}
	if q.Message != nil {
		e.In, e.Native = r.place(q.Message), mintMessage(q.Message.MessageID)
	} else {
		e.Kind, e.Addressed = core.KindOther, false
	}
	e.ID = core.NewEnvelopeID(r.account, e.Kind, "callback", q.ID)
	return e
}

// place is the conversation of a message. Only topics are threads: in other groups
// message_thread_id names a chain of replies.
func (r reader) place(m *message) core.Conversation {
	c := core.Conversation{Account: r.account, Place: placeOf(m.Chat), Chat: mintChat(m.Chat.ID)}
	if m.IsTopicMessage {
		c.Thread = mintThread(m.MessageThreadID)
	}
	return c
}

func placeOf(c chat) core.Place {
	if c.Type == "private" {
		return core.Private
	}
	return core.Group
}

// senderOf is who a message is from. An anonymous administrator and a channel
// write as a chat; the user in "from" is then a stand-in shared by everybody.
func senderOf(m *message) core.Sender {
	switch {
	case m.SenderChat != nil:
		return core.Sender{Realm: realm, ID: mintUser(m.SenderChat.ID), Name: m.SenderChat.name(), Handle: m.SenderChat.Username}
	case m.From != nil:
		return m.From.sender()
	default:
		return core.Sender{Realm: realm, ID: mintUser(m.Chat.ID), Name: m.Chat.name(), Handle: m.Chat.Username}
	}
}

func (u user) sender() core.Sender {
	return core.Sender{
		Realm: realm, ID: mintUser(u.ID), Name: u.name(), Handle: u.Username, Language: u.LanguageCode, Bot: u.IsBot,
	}
}

func (u user) name() string { return fullName(u.FirstName, u.LastName) }

func (c chat) name() string {
	if c.Title != "" {
		return c.Title
	}
	return fullName(c.FirstName, c.LastName)
}

func fullName(first, last string) string { return strings.TrimSpace(first + " " + last) }

// quote reads what a message answers. In a topic every message that answers
// nothing else answers the topic's first, which nobody wrote.
func (r reader) quote(m *message) *core.Quote {
	var q core.Quote
	switch {
	case m.ReplyToMessage != nil:
		to := m.ReplyToMessage
		if len(to.ForumTopicCreated) > 0 || (m.IsTopicMessage && to.MessageID == m.MessageThreadID) {
			return nil
		}
		q = core.Quote{Message: mintMessage(to.MessageID), Text: to.words(), Name: senderOf(to).Name}
		q.ByBot = to.SenderChat == nil && to.From != nil && to.From.ID == r.self.ID
	case m.ExternalReply != nil:
		q.ByBot, q.Name = r.origin(m.ExternalReply.Origin)
	case m.Quote == nil:
		return nil
	}
	if m.Quote != nil && m.Quote.Text != "" {
		q.Text = m.Quote.Text
	}
	return &q
}

func (r reader) origin(o *messageOrigin) (byBot bool, name string) {
	switch {
	case o == nil:
		return false, ""
	case o.SenderUser != nil:
		return o.SenderUser.ID == r.self.ID, o.SenderUser.name()
	case o.SenderChat != nil:
		return false, o.SenderChat.name()
	case o.Chat != nil:
		return false, o.Chat.name()
	default:
		return false, o.SenderUserName
	}
}

func (m *message) words() string {
	if m.Text != "" {
		return m.Text
	}
	return m.Caption
}

// farFuture is the year 10000, which has no wire form.
const farFuture = 253402300800

// moment reads a date in seconds; or stands for one that is missing or absurd.
func moment(seconds int64, or time.Time) time.Time {
	if seconds <= 0 || seconds >= farFuture {
		return or.UTC()
	}
	return time.Unix(seconds, 0).UTC()
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
