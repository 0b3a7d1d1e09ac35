package protocol

import (
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
)

// encodeSession writes what a program is shown of a session: of its history the newest
// turns that fit.
func encodeSession(s *session.Session) (*Session, error) {
	if s == nil {
		return nil, nil
	}
	history, err := s.History()
	if err != nil {
		return nil, err
	}
	out := &Session{Model: valid(s.Model())}
	for _, p := range s.Pinned() {
		out.Pinned = append(out.Pinned, valid(p))
	}
	from, size := len(history), 0
	for from > 0 {
		t := history[from-1]
		size += len(t.Answer)
		for _, l := range t.Said {
			size += len(l.Text) + len(l.Name)
		}
		if size > MaxHistory {
			break
		}
		from--
	}
	for _, t := range history[from:] {
		out.History = append(out.History, encodePast(t))
	}
	return out, nil
}

func encodePast(t session.Turn) *Past {
	p := &Past{Id: valid(t.ID), At: t.At.UnixNano(), Answer: valid(t.Answer), Tokens: int64(t.Tokens), Via: valid(t.Via)}
	for _, l := range t.Said {
		p.Said = append(p.Said, &Line{Name: valid(l.Name), Text: valid(l.Text)})
	}
	return p
}

func (x *Past) decode() session.Turn {
	t := session.Turn{
		ID: core.EnvelopeID(x.GetId()), At: time.Unix(0, x.GetAt()).UTC(), Answer: x.GetAnswer(), Tokens: int(x.GetTokens()), Via: core.Account(x.GetVia()),
	}
	for _, l := range x.GetSaid() {
		t.Said = append(t.Said, session.Line{Name: l.GetName(), Text: l.GetText()})
	}
	return t
}

// decode makes a session that remembers what the hub told of it.
func (x *Session) decode() (*session.Session, error) {
	var s session.Session
	for _, p := range x.GetHistory() {
		s.Append(p.decode())
	}
	for _, fact := range x.GetPinned() {
		s.Pin(fact)
	}
	if x.GetModel() != "" {
		s.SetModel(x.GetModel(), "") // who chose it is the hub's business
	}
	c := s.Changes()
	return session.Load(c.Set, c.Append, nil)
}

// Changed tells what a skill did to the session that was decoded from x; nil for nothing.
func (x *Turn) Changed(s *session.Session) (*Remember, error) {
	c := s.Changes()
	if c.Trim == 0 && len(c.Append) == 0 && len(c.Set) == 0 {
		return nil, nil
	}
	was := x.GetSession()
	out := &Remember{}
	history, err := s.History()
	if err != nil {
		return nil, err
	}
	added := history[len(history)-len(c.Append):]
	for _, t := range added {
		out.Add = append(out.Add, encodePast(t))
	}
	pinned := s.Pinned()
	switch kept := len(was.GetHistory()) - c.Trim; {
	case len(pinned) < len(was.GetPinned()):
		out.Forget = true
	case c.Trim > 0 && kept == 0 && len(added) == 0:
		out.Clear = true
	case c.Trim > 0:
		tokens := int64(0)
		for _, t := range history {
			tokens += int64(t.Tokens)
		}
		out.Keep = &tokens
	}
	if out.Forget {
		was = nil
	}
	for _, fact := range pinned[len(was.GetPinned()):] {
		out.Pin = append(out.Pin, valid(fact))
	}
	if model := valid(s.Model()); model != was.GetModel() {
		out.Model = &model
	}
	return out, nil
}

// Apply does to a session what a program wants remembered, in a turn of somebody of a role.
func (x *Remember) Apply(s *session.Session, role string) error {
	switch {
	case x == nil:
		return nil
	case x.GetForget():
		s.Forget()
	case x.GetClear():
		s.Clear()
	}
	for _, p := range x.GetAdd() {
		s.Append(p.decode())
	}
	if x.Keep != nil {
		if err := s.Trim(int(x.GetKeep())); err != nil {
			return err
		}
	}
	for _, fact := range x.GetPin() {
		s.Pin(fact)
	}
	if x.Model != nil {
		s.SetModel(x.GetModel(), role)
	}
	return nil
}
