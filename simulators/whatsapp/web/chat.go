//go:build !nowhatsmeow

package web

import (
	"maps"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// chatKey names a chat: two numbers in order, or a group.
type chatKey struct{ one, two, group string }

// place is where a message goes: to a person or into a group.
type place struct {
	group *group
	other *account // in a chat of two
	// byLID says that hidden ids stand in stanzas instead of numbers.
	byLID bool
}

// of names an account as stanzas of this place do.
func (p place) of(a *account) types.JID {
	if p.byLID {
		return a.hidden()
	}
	return a.jid()
}

// alt is an account by its other name.
func (p place) alt(a *account) types.JID {
	if p.byLID {
		return a.jid()
	}
	return a.hidden()
}

// chat is how faults name where something of an account comes from.
func (p place) chat(from *account) string {
	if p.group != nil {
		return p.group.ID
	}
	return from.phoneNumber
}

// key gives the chat of somebody who writes there.
func (p place) key(from *account) chatKey {
	if p.group != nil {
		return chatKey{group: p.group.ID}
	}
	one, two := from.phoneNumber, p.other.phoneNumber
	return chatKey{one: min(one, two), two: max(one, two)}
}

// name is how the Go API calls the chat for a number.
func (k chatKey) name(number string) string {
	switch {
	case k.group != "":
		return k.group
	case k.one == number:
		return k.two
	default:
		return k.one
	}
}

// destination reads where a device's stanza goes. Server.mu is held.
func (s *Server) destination(d *device, to types.JID) (p place, problem string) {
	switch to.Server {
	case types.GroupServer:
		g := s.groups[to.User]
		if g == nil {
			return p, "a group that does not exist"
		}
		if !g.has(d.owner) {
			return p, "a group that the device is not in"
		}
		return place{group: g, byLID: g.LID}, ""
	case types.DefaultUserServer, types.HiddenUserServer:
		a := s.account(to)
		if a == nil {
			return p, "somebody who does not exist"
		}
		return place{other: a, byLID: to.Server == types.HiddenUserServer}, ""
	default:
		return p, "no address of a person or a group"
	}
}

// chat is what phones show of a conversation. Server.mu guards it.
type chat struct {
	key   chatKey
	posts []*post
	byKey map[postKey]*post
}

// postKey is what phones know a message by: the same id twice is one message.
type postKey struct{ from, id string }

// post is a message in a chat.
type post struct {
	Posted
	key     postKey
	device  uint16 // of the sender; 0 is their phone
	filled  bool   // somebody could read it
	hidden  bool   // it changes another message and is none by itself
	waiting map[string]int
	got     map[string]bool
	seen    map[string]bool
}

// chat gives a chat, new or known. Server.mu is held.
func (s *Server) chat(key chatKey) *chat {
	c := s.chats[key]
	if c == nil {
		c = &chat{key: key, byKey: map[postKey]*post{}}
		s.chats[key] = c
	}
	return c
}

// post gives a message of a chat, new or known. Server.mu is held.
func (s *Server) post(c *chat, from *account, device uint16, id string, at time.Time) *post {
	key := postKey{from.phoneNumber, id}
	if p := c.byKey[key]; p != nil {
		return p
	}
	p := &post{
		Posted: Posted{ID: id, From: from.phoneNumber, At: at}, key: key, device: device,
		waiting: map[string]int{}, got: map[string]bool{}, seen: map[string]bool{},
	}
	c.posts, c.byKey[key] = append(c.posts, p), p
	for len(c.posts) > s.opts.MaxMessages {
		delete(c.byKey, c.posts[0].key)
		c.posts[0] = nil
		c.posts = c.posts[1:]
	}
	return p
}

// find looks a message up by what refers to it. Without an author all are tried.
func (c *chat) find(id string, author *account) *post {
	if author != nil {
		return c.byKey[postKey{author.phoneNumber, id}]
	}
	for _, p := range slices.Backward(c.posts) {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// shown is a post as a number's API sees it.
func (p *post) shown(c *chat, number string) Posted {
	out := p.Posted
	out.Number, out.Chat = number, c.key.name(number)
	out.ByBot = p.From == number && p.device != 0
	out.Delivered, out.Read = len(p.got), len(p.seen)
	out.Waiting = slices.Sorted(maps.Keys(p.waiting))
	out.Edits = slices.Clone(p.Edits)
	out.Reactions = maps.Clone(p.Reactions)
	return out
}

// Shown gives what a chat (a person's number or a group's id) of a number shows, oldest
// first, as the phone of the other side sees it.
func (s *Server) Shown(number, chat string) []Posted {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.number(number)
	if err != nil {
		return nil
	}
	key := chatKey{one: min(a.phoneNumber, chat), two: max(a.phoneNumber, chat)}
	if s.groups[chat] != nil {
		key = chatKey{group: chat}
	}
	c := s.chats[key]
	if c == nil {
		return nil
	}
	out := make([]Posted, 0, len(c.posts))
	for _, p := range c.posts {
		if !p.hidden {
			out = append(out, p.shown(c, a.phoneNumber))
		}
	}
	return out
}

// arrived is a decrypted message on its way into a chat.
type arrived struct {
	place  place
	from   *account
	device uint16
	id     string
	msg    *waE2E.Message
	at     time.Time
}

// arrive shows a message in its chat, once. Server.mu is held.
func (s *Server) arrive(in arrived) *post {
	c := s.chat(in.place.key(in.from))
	p := s.post(c, in.from, in.device, in.id, in.at)
	if p.filled {
		return p
	}
	p.filled, p.hidden = true, true
	switch msg := unwrap(in.msg); {
	case msg.GetReactionMessage() != nil:
		s.react(c, in, msg.GetReactionMessage())
	case msg.GetProtocolMessage() != nil:
		s.change(c, in, msg.GetProtocolMessage())
	case onlyKeys(msg):
	default:
		p.hidden = false
		s.describe(&p.Posted, msg)
		s.tell(Event{Kind: EventMessage, MessageID: p.ID}, c, in, p)
	}
	return p
}

// tell publishes an event once for each number that is in the chat.
func (s *Server) tell(e Event, c *chat, in arrived, p *post) {
	e.From = in.from.phoneNumber
	for _, a := range s.numbers {
		if !in.place.holds(a, in.from) {
			continue
		}
		e.Number, e.Chat, e.Device = a.phoneNumber, c.key.name(a.phoneNumber), 0
		if a == in.from {
			e.Device = in.device
		}
		if p != nil {
			shown := p.shown(c, a.phoneNumber)
			e.Message = &shown
		}
		s.publish(e)
	}
}

// holds tells whether an account is part of the conversation.
func (p place) holds(a, from *account) bool {
	if p.group != nil {
		return p.group.has(a)
	}
	return a == from || a == p.other
}

// unwrap takes the covers off a message.
func unwrap(msg *waE2E.Message) *waE2E.Message {
	for range 4 {
		var inner *waE2E.Message
		switch {
		case msg.GetDeviceSentMessage() != nil:
			inner = msg.GetDeviceSentMessage().GetMessage()
		case msg.GetEphemeralMessage() != nil:
			inner = msg.GetEphemeralMessage().GetMessage()
		case msg.GetDocumentWithCaptionMessage() != nil:
			inner = msg.GetDocumentWithCaptionMessage().GetMessage()
		case msg.GetViewOnceMessageV2() != nil:
			inner = msg.GetViewOnceMessageV2().GetMessage()
		case msg.GetEditedMessage() != nil:
			inner = msg.GetEditedMessage().GetMessage()
		}
		if inner == nil {
			return msg
		}
		msg = inner
	}
	return msg
}

// author finds whose message a key names; nil when the key does not say.
func (s *Server) author(in arrived, key *waCommon.MessageKey) *account {
	if key.GetFromMe() {
		return in.from
	}
	if in.place.group == nil {
		return in.place.other
	}
	j, err := types.ParseJID(key.GetParticipant())
	if err != nil {
		return nil
	}
	return s.account(j)
}

// react shows a reaction at the message it is for.
func (s *Server) react(c *chat, in arrived, r *waE2E.ReactionMessage) {
	p := c.find(r.GetKey().GetID(), s.author(in, r.GetKey()))
	if p == nil {
		return
	}
	if p.Reactions == nil {
		p.Reactions = map[string]string{}
	}
	p.Reactions[in.from.phoneNumber] = r.GetText()
	if r.GetText() == "" {
		delete(p.Reactions, in.from.phoneNumber)
	}
	s.tell(Event{Kind: EventReaction, MessageID: p.ID, Text: r.GetText()}, c, in, p)
}

// change edits or deletes a message. Phones ignore what is not the author's.
func (s *Server) change(c *chat, in arrived, m *waE2E.ProtocolMessage) {
	p := c.find(m.GetKey().GetID(), in.from)
	if p == nil || p.Deleted {
		return
	}
	switch m.GetType() {
	case waE2E.ProtocolMessage_MESSAGE_EDIT:
		var edited Posted
		s.describe(&edited, unwrap(m.GetEditedMessage()))
		p.Edits = append(p.Edits, p.Text)
		p.Text, p.Mentions = edited.Text, edited.Mentions
		s.tell(Event{Kind: EventEdit, MessageID: p.ID}, c, in, p)
	case waE2E.ProtocolMessage_REVOKE:
		p.Deleted, p.Text, p.Media, p.Location, p.Contact = true, "", nil, nil, nil
		s.tell(Event{Kind: EventDelete, MessageID: p.ID}, c, in, p)
	}
}
