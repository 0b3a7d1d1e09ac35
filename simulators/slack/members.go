package slack

import "strings"

// Join lets somebody into a channel. The app is told when it is there, and of its own
// coming.
func (s *Server) Join(id, user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.hall(id, user)
	if err != nil || c.members[user] {
		return err
	}
	c.members[user] = true
	s.tellMember(c, "member_joined_channel", user)
	return nil
}

// Leave lets somebody go from a channel. The app is told when it stays.
func (s *Server) Leave(id, user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.hall(id, user)
	if err != nil {
		return err
	}
	if !c.members[user] {
		return ErrNotMember
	}
	delete(c.members, user)
	s.tellMember(c, "member_left_channel", user)
	return nil
}

// Invite takes up what the platform offers to who mentions the app where it is no member:
// the app joins and is told of the mention, which was there before it
// (https://docs.slack.dev/reference/events/app_mention).
func (s *Server) Invite(id, ts string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	self := s.opts.App.UserID
	c, err := s.hall(id, self)
	if err != nil {
		return err
	}
	p := c.find(ts)
	if p == nil || c.members[self] || !s.mentions(p) {
		return ErrNoMessage
	}
	c.members[self] = true
	s.tellMember(c, "member_joined_channel", self)
	s.tellMention(c, p)
	return nil
}

// hall finds a channel that people come to and leave. Server.mu is held.
func (s *Server) hall(id, user string) (*channel, error) {
	c := s.channels[id]
	if c == nil || c.kind != Public && c.kind != Private {
		return nil, ErrNoChannel
	}
	if _, ok := s.users[user]; !ok {
		return nil, ErrNoUser
	}
	return c, nil
}

// tellMember tells the app who came or left. Server.mu is held.
func (s *Server) tellMember(c *channel, kind, user string) {
	if !c.members[s.opts.App.UserID] {
		return
	}
	s.tell(c.id, args{
		"type": kind, "user": user, "channel": c.id, "channel_type": c.id[:1], "team": s.opts.Team, "event_ts": s.nextTS(),
	})
}

// mentions tells whether a person's message names the app.
func (s *Server) mentions(p *Posted) bool {
	return !p.ByBot && strings.Contains(p.Text, "<@"+s.opts.App.UserID)
}

// tellMention tells the app of a message that names it. Server.mu is held.
func (s *Server) tellMention(c *channel, p *Posted) {
	mention := eventOf(p.Message)
	delete(mention, "files")
	delete(mention, "subtype")
	mention["type"], mention["channel"], mention["event_ts"] = "app_mention", c.id, p.TS
	s.tell(c.id, mention)
}
