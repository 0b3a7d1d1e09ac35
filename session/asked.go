package session

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
)

// maxAsked is how many questions wait in one memory; past it the oldest is dropped. In
// private there is one.
const maxAsked = 32

// Asked is a question of a skill that waits for somebody's next message.
type Asked struct {
	// Of is whom it waits for: the account, in places of several people; empty in private,
	// where one person speaks, from whatever account.
	Of core.PersonID `json:"of,omitempty"`
	// Skill asked it, in this turn.
	Skill string          `json:"skill"`
	Turn  core.EnvelopeID `json:"turn"`
	// State is what the skill left behind, as JSON; empty for nothing.
	State json.RawMessage `json:"state,omitempty"`
	// Until is when it is no longer waited for.
	Until time.Time `json:"until"`
}

// Waits tells whether the question still waits at a time.
func (a Asked) Waits(at time.Time) bool { return !at.After(a.Until) }

// asker is whom a question waits for that is put to a sender in a conversation.
func asker(in core.Conversation, from core.Sender) core.PersonID {
	if in.Place == core.Private {
		return ""
	}
	return from.Person()
}

// Asked gives the question that was put to a sender in a conversation, whether it still
// waits or not; ok is false for none.
func (s *Session) Asked(in core.Conversation, from core.Sender) (a Asked, ok bool) {
	of := asker(in, from)
	i := slices.IndexFunc(s.asked, func(a Asked) bool { return a.Of == of })
	if i < 0 {
		return Asked{}, false
	}
	return s.asked[i], true
}

// Ask remembers a question to a sender in a conversation, in place of the one before.
// Whom it waits for is filled in.
func (s *Session) Ask(in core.Conversation, from core.Sender, a Asked) {
	a.Of = asker(in, from)
	a.Until = a.Until.UTC()
	rest := s.without(a.Of)
	s.asked = append(rest[max(0, len(rest)-maxAsked+1):], a)
	s.store(fieldAsked, s.asked)
}

// Unask forgets the question to a sender in a conversation. There may be none.
func (s *Session) Unask(in core.Conversation, from core.Sender) {
	rest := s.without(asker(in, from))
	if len(rest) == len(s.asked) {
		return
	}
	if s.asked = rest; len(rest) == 0 {
		s.put(fieldAsked, nil)
		return
	}
	s.store(fieldAsked, rest)
}

func (s *Session) without(of core.PersonID) []Asked {
	return slices.DeleteFunc(slices.Clone(s.asked), func(a Asked) bool { return a.Of == of })
}
