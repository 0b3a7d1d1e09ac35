package discord

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxContent = 2000
	maxNonce   = 25
	// nonceLife is how long a nonce brings back its message: "the past few minutes".
	nonceLife = 5 * time.Minute
	maxFiles  = 1000
	// writable are the flags a bot may set: suppress embeds and notifications.
	writable = 1<<2 | 1<<12
)

func (s *Server) createMessage(c *call) (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.room(c.channel)
	if err != nil {
		return nil, err
	}
	if d.empty() {
		return nil, errEmpty
	}
	key := string(d.Nonce)
	if key == "null" {
		key = ""
	}
	if old, known := s.nonces[key]; d.EnforceNonce && key != "" && known && c.at.Sub(old.at) < nonceLife {
		return *old.message, nil
	}
	m := &Message{Author: s.bot, Nonce: d.Nonce}
	if ref := d.Reference; ref != nil && ref.MessageID != "" {
		m.Referenced = r.find(ref.MessageID)
		if m.Referenced == nil && (ref.FailIfNotExists == nil || *ref.FailIfNotExists) {
			return nil, invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
		}
		if m.Referenced != nil {
			m.Type = 19
			m.Reference = &Reference{MessageID: ref.MessageID, ChannelID: r.ID, GuildID: r.GuildID}
		}
	}
	s.fill(m, d, c.r.Host)
	s.post(r, m)
	if key != "" {
		if len(s.nonces) > 10000 {
			clear(s.nonces)
		}
		s.nonces[key] = nonce{m, c.at}
	}
	return *m, nil
}

// fill puts the words and files of a draft into a message; the caller holds mu.
func (s *Server) fill(m *Message, d *draft, host string) {
	if d.Content != nil {
		m.Content = strings.TrimSpace(*d.Content)
		m.Mentions, m.MentionRoles = s.mentions(m.Content, d)
	}
	if d.Components != nil {
		m.Components = *d.Components
	}
	if d.Flags != nil {
		m.Flags = m.Flags&^writable | *d.Flags
	}
	for _, f := range d.files {
		m.Attachments = append(m.Attachments, s.attach(host, m.ChannelID, f))
	}
}

var mentioned = regexp.MustCompile(`<@(!?|&)([0-9]+)>`)

// mentions are the people a content tells, as far as it may. d is nil for what people say.
func (s *Server) mentions(content string, d *draft) (users []User, roles []string) {
	users, roles = []User{}, []string{}
	for _, at := range mentioned.FindAllStringSubmatch(content, -1) {
		id := at[2]
		if at[1] == "&" {
			if d == nil {
				roles = append(roles, id)
			}
			continue
		}
		if d != nil && d.AllowedMentions != nil && !slices.Contains(d.AllowedMentions.Parse, "users") && !slices.Contains(d.AllowedMentions.Users, id) {
			continue
		}
		if u := s.users[id]; u != nil && !slices.ContainsFunc(users, func(o User) bool { return o.ID == id }) {
			users = append(users, *u)
		}
	}
	return users, roles
}

// attach keeps a file; the oldest are forgotten. The caller holds mu.
func (s *Server) attach(host, channel string, f file) Attachment {
	id := s.id()
	s.files[id] = f.data
	s.fileIDs = append(s.fileIDs, id)
	s.fileBytes += len(f.data)
	for len(s.fileIDs) > 1 && (len(s.fileIDs) > maxFiles || s.fileBytes > s.opts.MaxFileBytes) {
		s.fileBytes -= len(s.files[s.fileIDs[0]])
		delete(s.files, s.fileIDs[0])
		s.fileIDs = s.fileIDs[1:]
	}
	address := fmt.Sprintf("http://%s/attachments/%s/%s/%s", host, channel, id, url.PathEscape(f.name))
	return Attachment{ID: id, Filename: f.name, ContentType: f.kind, Size: len(f.data), URL: address, ProxyURL: address}
}

// FileBytes gives the bytes of an attachment, as long as they are kept.
func (s *Server) FileBytes(id string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.files[id]
	return data, ok
}

func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	data, ok := s.files[r.PathValue("file")]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(data)
}

// post stores a message and tells everybody; the caller holds mu.
func (s *Server) post(r *room, m *Message) {
	m.ID, m.ChannelID, m.Timestamp = s.id(), r.ID, s.opts.Now().UTC().Truncate(time.Millisecond)
	if m.Author.Bot {
		m.ApplicationID = s.opts.ApplicationID
	}
	m.normal()
	r.messages = append(r.messages, m)
	if len(r.messages) > s.opts.MaxMessages {
		r.messages = slices.Delete(r.messages, 0, 1)
	}
	id := m.ID
	r.LastMessageID = &id
	s.show(EventMessage, m)
	s.dispatchMessage("MESSAGE_CREATE", r, m)
}

// normal makes empty lists of missing ones.
func (m *Message) normal() {
	if m.Mentions == nil {
		m.Mentions = []User{}
	}
	if m.MentionRoles == nil {
		m.MentionRoles = []string{}
	}
	if m.Attachments == nil {
		m.Attachments = []Attachment{}
	}
	if m.Embeds == nil {
		m.Embeds = []json.RawMessage{}
	}
	if m.Components == nil {
		m.Components = []Component{}
	}
}

func (s *Server) show(kind EventKind, m *Message) {
	p := s.posted(m)
	s.publish(Event{Kind: kind, At: s.opts.Now(), Channel: m.ChannelID, MessageID: m.ID, Message: &p})
}

func (r *room) find(id string) *Message {
	i := slices.IndexFunc(r.messages, func(m *Message) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return r.messages[i]
}

// message finds the message of a call; the caller holds mu.
func (s *Server) message(c *call) (*room, *Message, error) {
	r, err := s.room(c.channel)
	if err != nil {
		return nil, nil, err
	}
	m := r.find(c.r.PathValue("message"))
	if m == nil {
		return nil, nil, errUnknownMessage
	}
	return r, m, nil
}

func (s *Server) getMessage(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, m, err := s.message(c)
	if err != nil {
		return nil, err
	}
	return *m, nil
}

func (s *Server) editMessage(c *call) (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, m, err := s.message(c)
	if err != nil {
		return nil, err
	}
	if m.Author.ID != s.bot.ID {
		return nil, errNotAuthor
	}
	return s.change(r, m, d, c.r.Host)
}

// change edits a message; the caller holds mu.
func (s *Server) change(r *room, m *Message, d *draft, host string) (any, error) {
	if d.Content != nil && d.empty() && len(m.Attachments) == 0 {
		return nil, errEmpty
	}
	s.fill(m, d, host)
	if m.Flags&flagLoading != 0 {
		m.Flags &^= flagLoading
	} else {
		now := s.opts.Now().UTC().Truncate(time.Millisecond)
		m.EditedTimestamp = &now
	}
	m.normal()
	s.show(EventEdited, m)
	s.dispatchMessage("MESSAGE_UPDATE", r, m)
	return *m, nil
}

func (s *Server) deleteMessage(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, m, err := s.message(c)
	if err != nil {
		return nil, err
	}
	s.remove(r, m)
	return nil, nil
}

// remove deletes a message; the caller holds mu.
func (s *Server) remove(r *room, m *Message) {
	r.messages = slices.DeleteFunc(r.messages, func(o *Message) bool { return o == m })
	s.publish(Event{Kind: EventDeleted, At: s.opts.Now(), Channel: r.ID, MessageID: m.ID})
	gone := map[string]any{"id": m.ID, "channel_id": r.ID}
	if r.GuildID != "" {
		gone["guild_id"] = r.GuildID
	}
	s.dispatch("MESSAGE_DELETE", r, gone)
}

func (s *Server) listMessages(c *call) (any, error) {
	q := c.r.URL.Query()
	limit := 50
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100 {
			return nil, invalid("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
		}
		limit = n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.room(c.channel)
	if err != nil {
		return nil, err
	}
	out := []Message{}
	after, before := q.Get("after"), q.Get("before")
	for _, m := range r.messages {
		if after != "" && !later(m.ID, after) || before != "" && !later(before, m.ID) {
			continue
		}
		out = append(out, *m)
	}
	if len(out) > limit {
		if after != "" {
			out = out[:limit]
		} else {
			out = out[len(out)-limit:]
		}
	}
	slices.Reverse(out)
	return out, nil
}

// later tells whether snowflake a was drawn after b.
func later(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

func (s *Server) reactAsBot(c *call) (any, error) {
	return nil, s.react(c.channel, c.r.PathValue("message"), s.bot.ID, c.r.PathValue("emoji"), false)
}
