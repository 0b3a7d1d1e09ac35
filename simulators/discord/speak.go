package discord

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// What the Go API refuses.
var (
	ErrNoChannel = errors.New("no such channel")
	ErrNoUser    = errors.New("no such user")
	ErrNoMessage = errors.New("no such message")
	ErrNoButton  = errors.New("no such button")
	ErrNoCommand = errors.New("no such command")
)

// AddUser makes a person and gives their id.
func (s *Server) AddUser(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &User{ID: s.id(), Username: strings.ToLower(strings.ReplaceAll(name, " ", "_")), Discriminator: "0", GlobalName: &name}
	s.users[u.ID] = u
	return u.ID
}

// AddGuild makes a server with the bot and these people in it, and gives its id. The bot's own role
// there has the id that BotRole gives.
func (s *Server) AddGuild(name string, members ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &guild{id: s.id(), name: name, members: map[string]bool{s.bot.ID: true}, botRole: s.id()}
	for _, m := range members {
		g.members[m] = true
	}
	s.guilds[g.id] = g
	for _, sess := range s.gate.sessions {
		if sess.intents&intentGuilds != 0 && sess.has(g.id) {
			s.tell(sess, "GUILD_CREATE", s.guildPayload(g))
		}
	}
	return g.id
}

// BotRole is the id of the bot's own role in a server.
func (s *Server) BotRole(guild string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.guilds[guild]; g != nil {
		return g.botRole
	}
	return ""
}

// AddChannel makes a text channel in a server and gives its id.
func (s *Server) AddChannel(guild, name string) string {
	return s.addRoom(Channel{Type: ChannelText, GuildID: guild, Name: name}, "CHANNEL_CREATE")
}

// AddThread makes a thread under a text channel and gives its id.
func (s *Server) AddThread(channel, name string) (string, error) {
	s.mu.Lock()
	parent := s.channels[channel]
	s.mu.Unlock()
	if parent == nil {
		return "", ErrNoChannel
	}
	return s.addRoom(Channel{
		Type: ChannelPublicThread, GuildID: parent.GuildID, Name: name, ParentID: &channel,
		ThreadMetadata: &ThreadMetadata{AutoArchiveDuration: 1440, ArchiveTimestamp: s.opts.Now().UTC()},
	}, "THREAD_CREATE"), nil
}

func (s *Server) addRoom(c Channel, event string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.ID = s.id()
	r := &room{Channel: c}
	s.channels[c.ID] = r
	for _, sess := range s.gate.sessions {
		if sess.intents&intentGuilds != 0 && sess.has(c.GuildID) {
			s.tell(sess, event, c)
		}
	}
	return c.ID
}

// OpenDM gives the channel in which a person and the bot write to each other.
func (s *Server) OpenDM(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, r := range s.channels {
		if r.Type == ChannelDM && r.Recipients[0].ID == user {
			return id
		}
	}
	u := s.users[user]
	if u == nil {
		return ""
	}
	r := &room{Channel: Channel{ID: s.id(), Type: ChannelDM, Recipients: []User{*u}}}
	s.channels[r.ID] = r
	return r.ID
}

// RemoveBot takes the bot out of a server.
func (s *Server) RemoveBot(guild string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.guilds[guild]; g != nil {
		delete(g.members, s.bot.ID)
	}
}

// File is a file a person sends.
type File struct {
	Name string
	Type string
	Data []byte
	// Voice makes it a voice message.
	Voice bool
}

// Utterance is what a person says.
type Utterance struct {
	Channel string
	From    string
	Text    string
	// ReplyTo is the id of the message it answers.
	ReplyTo string
	Files   []File
	// Host is where the bot finds the files, as host:port.
	Host string
}

// Say is a person's text.
func (s *Server) Say(channel, from, text string) (Message, error) {
	return s.Speak(Utterance{Channel: channel, From: from, Text: text})
}

// Speak says something as a person.
func (s *Server) Speak(u Utterance) (Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, user := s.channels[u.Channel], s.users[u.From]
	switch {
	case r == nil:
		return Message{}, ErrNoChannel
	case user == nil:
		return Message{}, ErrNoUser
	}
	m := &Message{Author: *user, Content: u.Text, ChannelID: r.ID}
	m.Mentions, m.MentionRoles = s.mentions(u.Text, nil)
	if u.ReplyTo != "" {
		if m.Referenced = r.find(u.ReplyTo); m.Referenced == nil {
			return Message{}, ErrNoMessage
		}
		m.Type, m.Reference = 19, &Reference{MessageID: u.ReplyTo, ChannelID: r.ID, GuildID: r.GuildID}
	}
	for _, f := range u.Files {
		a := s.attach(u.Host, r.ID, file{f.Name, f.Type, f.Data})
		if f.Voice {
			a.Waveform, a.Seconds = "AAAA", 1
			m.Flags |= 1 << 13
		}
		m.Attachments = append(m.Attachments, a)
	}
	s.post(r, m)
	return *m, nil
}

// EditSaid changes what a person said.
func (s *Server) EditSaid(channel, message, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.channels[channel]
	if r == nil {
		return ErrNoChannel
	}
	m := r.find(message)
	if m == nil {
		return ErrNoMessage
	}
	now := s.opts.Now().UTC().Truncate(time.Millisecond)
	m.Content, m.EditedTimestamp = text, &now
	m.Mentions, m.MentionRoles = s.mentions(text, nil)
	s.show(EventEdited, m)
	s.dispatchMessage("MESSAGE_UPDATE", r, m)
	return nil
}

// DeleteShown deletes a message of anybody.
func (s *Server) DeleteShown(channel, message string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.channels[channel]
	if r == nil {
		return ErrNoChannel
	}
	m := r.find(message)
	if m == nil {
		return ErrNoMessage
	}
	s.remove(r, m)
	return nil
}

// React puts a person's emoji under a message, or takes it away.
func (s *Server) React(channel, message, from, emoji string, away bool) error {
	return s.react(channel, message, from, emoji, away)
}

func (s *Server) react(channel, message, from, emoji string, away bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.room(channel)
	if err != nil {
		return err
	}
	m := r.find(message)
	if m == nil {
		return errUnknownMessage
	}
	m.Reactions = reacted(m.Reactions, from, emoji, from == s.bot.ID, away)
	event := "MESSAGE_REACTION_ADD"
	if away {
		event = "MESSAGE_REACTION_REMOVE"
	}
	payload := map[string]any{
		"user_id": from, "channel_id": channel, "message_id": message, "message_author_id": m.Author.ID,
		"emoji": map[string]any{"id": nil, "name": emoji}, "burst": false, "type": 0,
	}
	if r.GuildID != "" {
		payload["guild_id"] = r.GuildID
		if u := s.users[from]; u != nil && !away {
			payload["member"] = member{User: u, Roles: []string{}}
		}
	}
	s.publish(Event{Kind: EventReaction, At: s.opts.Now(), Channel: channel, MessageID: message})
	s.dispatch(event, r, payload)
	return nil
}

// reacted gives the reactions of a message after one was put there or taken away. The old ones
// are not changed: they were handed out.
func reacted(old []Reaction, from, emoji string, me, away bool) []Reaction {
	var out []Reaction
	found := false
	for _, r := range old {
		if r.Emoji.Name == emoji {
			found = true
			r.users = slices.DeleteFunc(slices.Clone(r.users), func(u string) bool { return u == from })
			if !away {
				r.users = append(r.users, from)
			}
			r.Me = r.Me && !me || me && !away
			if r.Count = len(r.users); r.Count == 0 {
				continue
			}
		}
		out = append(out, r)
	}
	if !found && !away {
		out = append(out, Reaction{Count: 1, Me: me, Emoji: Emoji{Name: emoji}, users: []string{from}})
	}
	return out
}

// ReactedBy tells whether a person's emoji stands under the message.
func (m *Message) ReactedBy(user, emoji string) bool {
	return slices.ContainsFunc(m.Reactions, func(r Reaction) bool { return r.Emoji.Name == emoji && slices.Contains(r.users, user) })
}

// RawEvent dispatches an event that nothing else here can make.
func (s *Server) RawEvent(event string, data any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sess := range s.gate.sessions {
		s.tell(sess, event, data)
	}
}
