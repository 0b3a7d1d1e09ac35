package slack

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors of the Go API when it is told to do what cannot happen.
var (
	ErrNoUser    = errors.New("slack simulator: no such user")
	ErrNoChannel = errors.New("slack simulator: no such channel")
	ErrNoMessage = errors.New("slack simulator: no such message")
	ErrNoButton  = errors.New("slack simulator: the message has no such button")
	ErrNotMember = errors.New("slack simulator: not a member of the channel")
	ErrNoCommand = errors.New("slack simulator: the app has no commands")
)

// ChannelKind is a kind of channel, as events name it. It decides which scope they need.
type ChannelKind string

// The kinds of channels. Several is a direct message of more than two.
const (
	Public  ChannelKind = "channel"
	Private ChannelKind = "group"
	Several ChannelKind = "mpim"
	Direct  ChannelKind = "im"
)

// Channel is a channel as the Web API shows it.
type Channel struct {
	ID       string `json:"id"`
	Name     string `json:"name,omitempty"`
	IM       bool   `json:"is_im"`
	Group    bool   `json:"is_channel"`
	Private  bool   `json:"is_private"`
	Several  bool   `json:"is_mpim"`
	Archived bool   `json:"is_archived"`
	Member   bool   `json:"is_member"`
	User     string `json:"user,omitempty"`
}

type channel struct {
	id, name string
	kind     ChannelKind
	user     string // of a direct message
	members  map[string]bool
	archived bool
	log      []*Posted // by ts; entries are replaced, never changed
	posts    bucket
	streams  map[string]*stream // by ts, those that grow and those that a person stopped
	// status is what the bot shows in threads, by thread.
	status map[string]string
}

func (c *channel) im() bool { return c.kind == Direct }

// AddUser lets somebody in, or gives them another name.
func (s *Server) AddUser(id, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[id] = User{ID: id, Name: name}
}

// AddChannel makes a public channel; the bot is in it when it is among the members.
func (s *Server) AddChannel(id, name string, members ...string) {
	s.AddChannelOf(Public, id, name, members...)
}

// AddChannelOf makes a channel of a kind other than Direct, which OpenDM makes.
func (s *Server) AddChannelOf(kind ChannelKind, id, name string, members ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &channel{id: id, name: name, kind: kind, members: map[string]bool{}, status: map[string]string{}, streams: map[string]*stream{}}
	for _, m := range members {
		c.members[m] = true
	}
	s.channels[id] = c
}

// Archive closes a channel for new messages.
func (s *Server) Archive(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[id]
	if c == nil {
		return ErrNoChannel
	}
	c.archived = true
	return nil
}

// OpenDM gives the channel of a user's direct messages with the bot.
func (s *Server) OpenDM(user string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.users[user]; !ok {
		return "", ErrNoUser
	}
	return s.dm(user).id, nil
}

func (s *Server) dm(user string) *channel {
	id := "D" + strings.TrimPrefix(user, "U")
	c := s.channels[id]
	if c == nil {
		c = &channel{id: id, kind: Direct, user: user, members: map[string]bool{user: true, s.opts.App.UserID: true}, status: map[string]string{}, streams: map[string]*stream{}}
		s.channels[id] = c
	}
	return c
}

// Channels lists the channels there are, by id.
func (s *Server) Channels() []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Channel
	for _, c := range s.channels {
		out = append(out, s.info(c))
	}
	slices.SortFunc(out, func(a, b Channel) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (s *Server) info(c *channel) Channel {
	return Channel{
		ID: c.id, Name: c.name, IM: c.im(), Group: c.kind == Public || c.kind == Private, Private: c.kind != Public, Several: c.kind == Several,
		Archived: c.archived, User: c.user, Member: c.members[s.opts.App.UserID],
	}
}

// Shown gives what a channel shows now, oldest first, threads included: edited messages
// as edited, without deleted ones.
func (s *Server) Shown(id string) []Posted {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[id]
	if c == nil {
		return nil
	}
	out := make([]Posted, len(c.log))
	for i, p := range c.log {
		out[i] = *p
	}
	return out
}

// Status gives what the bot says it is doing in a thread.
func (s *Server) Status(id, thread string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[id]; c != nil {
		return c.status[thread]
	}
	return ""
}

// nextTS gives a timestamp above all others of the server.
func (s *Server) nextTS() string {
	s.lastTS = max(s.lastTS+1, s.opts.Now().UnixMicro())
	return fmt.Sprintf("%d.%06d", s.lastTS/1e6, s.lastTS%1e6)
}

// nextID gives a number above all others of the server.
func (s *Server) nextID() int64 {
	s.serial++
	return s.serial
}

func (c *channel) index(ts string) int {
	return slices.IndexFunc(c.log, func(p *Posted) bool { return p.TS == ts })
}

func (c *channel) find(ts string) *Posted {
	if i := c.index(ts); i >= 0 {
		return c.log[i]
	}
	return nil
}

// store adds a message and tells those who watch. Server.mu is held.
func (s *Server) store(c *channel, p *Posted) {
	p.Channel, p.Type, p.At = c.id, "message", s.opts.Now()
	p.Team = s.opts.Team
	p.TS = s.nextTS()
	if p.ThreadTS != "" {
		if i := c.index(p.ThreadTS); i >= 0 {
			parent := *c.log[i]
			parent.ReplyCount++
			parent.ThreadTS = parent.TS
			c.log[i] = &parent
			p.ParentUser = parent.User
		}
		if p.ByBot {
			delete(c.status, p.ThreadTS)
		}
	}
	c.log = append(c.log, p)
	if extra := len(c.log) - s.opts.MaxMessages; extra > 0 {
		c.log = slices.Delete(c.log, 0, extra)
	}
	s.publish(Event{Kind: EventMessage, At: p.At, Channel: c.id, Thread: p.ThreadTS, TS: p.TS, Message: p})
}

// replace changes a message and tells those who watch. Server.mu is held.
func (s *Server) replace(c *channel, i int, p *Posted) {
	p.Edits++
	c.log[i] = p
	s.publish(Event{Kind: EventEdited, At: s.opts.Now(), Channel: c.id, Thread: p.ThreadTS, TS: p.TS, Message: p})
}

// remove takes a message away and tells those who watch. Server.mu is held.
func (s *Server) remove(c *channel, i int) Posted {
	was := *c.log[i]
	c.log = slices.Delete(c.log, i, i+1)
	s.publish(Event{Kind: EventDeleted, At: s.opts.Now(), Channel: c.id, Thread: was.ThreadTS, TS: was.TS})
	return was
}
