package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
)

// SchemaVersion is the version of the wire form this build writes.
const SchemaVersion = 1

// ErrSchema is returned for a memory this build cannot read.
var ErrSchema = errors.New("unknown form of session")

// The fields of the memory. Their names are part of the wire form.
const (
	fieldVersion  = "v"
	fieldPinned   = "pinned"
	fieldModel    = "model"
	fieldModelBy  = "model_by"
	fieldAbsorbed = "absorbed"
	fieldHeard    = "heard"
	fieldAsked    = "asked"
)

// maxAbsorbed is how many absorbed envelopes are remembered: more than can wait
// in one delivery.
const maxAbsorbed = 64

// Turn is one exchange of a conversation.
type Turn struct {
	ID core.EnvelopeID
	At time.Time
	// Said is what people said, in order; several when messages were merged.
	Said []Line
	// Answer is what the bot said; empty when it only listened.
	Answer string
	// Tokens is what the turn costs in a prompt.
	Tokens int
	// Via is the bot's account through which it was said, in private, where one
	// memory may be met through several; else empty.
	Via core.Account
	// By is the model that answered; zero for none, and for one of before it was remembered.
	By By
	// Calls are what the model called on the way to the answer, in order.
	Calls []Call
}

// Call is a tool that a model called, in short.
type Call struct {
	Tool string `json:"tool"`
	// Input is the arguments, as JSON; empty where they were too long to be kept.
	Input json.RawMessage `json:"input,omitempty"`
	// Result is what came of it, or its beginning.
	Result string `json:"result,omitempty"`
}

// By is which of the models gave an answer.
type By struct {
	// Pool and Version are as the configuration calls them, Model as the worker does.
	Pool    string `json:"pool,omitempty"`
	Version string `json:"version,omitempty"`
	Model   string `json:"model,omitempty"`
}

// Line is what one person said.
type Line struct {
	// Name tells people in a group apart; empty in private.
	Name string `json:"name,omitempty"`
	Text string `json:"text"`
}

type wireTurn struct {
	V      int             `json:"v"`
	ID     core.EnvelopeID `json:"id"`
	At     time.Time       `json:"at"`
	Said   []Line          `json:"said,omitempty"`
	Answer string          `json:"answer,omitempty"`
	Tokens int             `json:"tokens"`
	Via    core.Account    `json:"via,omitempty"`
	By     By              `json:"by,omitzero"`
	Calls  []Call          `json:"calls,omitempty"`
}

// Session is a conversation's memory while a turn holds it. It is used by one
// goroutine at a time.
type Session struct {
	fields map[string][]byte
	log    [][]byte
	turns  []Turn // of log, once read
	read   bool

	pinned   []string
	model    string
	modelBy  string
	absorbed []core.EnvelopeID
	heard    []Line
	asked    []Asked

	set     map[string][]byte
	trimmed int
	added   []Turn
}

// Changes is what a turn did to a session, in the words of a mailbox's memory.
type Changes struct {
	Set    map[string][]byte
	Trim   int
	Append [][]byte
	// Memo is the history that was read, for the Load after this change.
	Memo any
}

// Load reads a session from a mailbox's memory. The arguments are not changed. The
// memo, when there is one, spares reading the log again. The error wraps
// ErrSchema when a newer build wrote it.
func Load(fields map[string][]byte, log [][]byte, memo any) (*Session, error) {
	s := &Session{fields: fields, log: log}
	if turns, ok := memo.([]Turn); ok && len(turns) == len(log) {
		s.turns, s.read = turns, true
	}
	var version int
	for name, into := range map[string]any{
		fieldVersion: &version, fieldPinned: &s.pinned, fieldModel: &s.model, fieldModelBy: &s.modelBy, fieldAbsorbed: &s.absorbed,
		fieldHeard: &s.heard, fieldAsked: &s.asked,
	} {
		if raw, ok := fields[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return nil, fmt.Errorf("session field %s: %w: %w", name, ErrSchema, err)
			}
		}
	}
	if version > SchemaVersion {
		return nil, fmt.Errorf("%w: version %d, this build reads up to %d", ErrSchema, version, SchemaVersion)
	}
	return s, nil
}

// History gives the turns, oldest first, with those of this turn. The slice is
// the caller's to read, not to change.
func (s *Session) History() ([]Turn, error) {
	if !s.read {
		turns := make([]Turn, 0, len(s.log))
		for _, entry := range s.log {
			var w wireTurn
			if err := json.Unmarshal(entry, &w); err != nil {
				return nil, fmt.Errorf("turn: %w: %w", ErrSchema, err)
			}
			if w.V < 1 || w.V > SchemaVersion {
				return nil, fmt.Errorf("turn: %w: version %d", ErrSchema, w.V)
			}
			turns = append(turns, Turn{ID: w.ID, At: w.At, Said: w.Said, Answer: w.Answer, Tokens: w.Tokens, Via: w.Via, By: w.By, Calls: w.Calls})
		}
		s.turns, s.read = turns, true
	}
	return s.current(), nil
}

// current is the history that was read as it is now. It is a copy: what a memo
// holds is shared with later turns.
func (s *Session) current() []Turn { return slices.Concat(s.turns[s.trimmed:], s.added) }

// Copy gives a session of its own with what this one has now. It may be taken by several
// goroutines at a time, as long as nobody changes the original.
func (s *Session) Copy() *Session {
	c := *s
	c.set, c.added = maps.Clone(s.set), slices.Clip(s.added)
	return &c
}

// Append adds a turn to the history.
func (s *Session) Append(t Turn) { s.added = append(s.added, t) }

// Trim drops the oldest turns, whole, until the rest costs at most budget tokens.
// The newest turn always stays.
func (s *Session) Trim(budget int) error {
	history, err := s.History()
	if err != nil {
		return err
	}
	total := 0
	for _, t := range history {
		total += t.Tokens
	}
	drop := 0
	for drop < len(history)-1 && total > budget {
		total -= history[drop].Tokens
		drop++
	}
	s.drop(drop)
	return nil
}

// Clear forgets the history and the questions that wait for an answer; pinned facts and
// the model choice stay.
func (s *Session) Clear() {
	s.trimmed = len(s.log)
	s.added = nil
	s.TakeHeard()
	if len(s.asked) > 0 {
		s.asked = nil
		s.put(fieldAsked, nil)
	}
}

// Forget forgets everything: the history, the pinned facts, the model choice. Only
// which waiting envelopes were answered already is kept, so that none is answered
// twice.
func (s *Session) Forget() {
	s.Clear()
	s.pinned, s.model, s.modelBy = nil, "", ""
	for name := range s.fields {
		if name != fieldVersion && name != fieldAbsorbed {
			s.put(name, nil)
		}
	}
	for name := range s.set {
		if name != fieldVersion && name != fieldAbsorbed {
			s.set[name] = nil
		}
	}
}

func (s *Session) drop(n int) {
	old := min(n, len(s.log)-s.trimmed)
	s.trimmed += old
	s.added = s.added[n-old:]
}

// Pinned gives the facts that trimming never drops.
func (s *Session) Pinned() []string { return s.pinned }

// Pin adds a fact that stays.
func (s *Session) Pin(fact string) {
	s.pinned = append(slices.Clone(s.pinned), fact)
	s.store(fieldPinned, s.pinned)
}

// Model is the pool this conversation chose; empty for none.
func (s *Session) Model() string { return s.model }

// ModelBy is the role of who chose it; empty for none, and for one of before roles were
// remembered.
func (s *Session) ModelBy() string { return s.modelBy }

// SetModel chooses a pool, for somebody of a role; an empty name goes back to the default.
func (s *Session) SetModel(name, by string) {
	if name == "" {
		by = ""
	}
	s.model, s.modelBy = name, by
	s.store(fieldModel, name)
	s.store(fieldModelBy, by)
}

// Absorb remembers that a waiting envelope was already taken into an earlier
// turn, so that it is not answered when its own time comes.
func (s *Session) Absorb(id core.EnvelopeID) {
	s.absorbed = append(slices.Clone(s.absorbed), id)
	if over := len(s.absorbed) - maxAbsorbed; over > 0 {
		s.absorbed = s.absorbed[over:]
	}
	s.store(fieldAbsorbed, s.absorbed)
}

// Absorbed tells whether Absorb was called for this envelope.
func (s *Session) Absorbed(id core.EnvelopeID) bool { return slices.Contains(s.absorbed, id) }

// maxHeard bounds one overheard line, in bytes.
const maxHeard = 500

// Hear remembers a line that was said past the bot, the newest keep lines of
// them. Where it was said is known; it never leaves this session.
func (s *Session) Hear(l Line, keep int) {
	if l.Text == "" {
		return
	}
	if len(l.Text) > maxHeard {
		l.Text = strings.ToValidUTF8(l.Text[:maxHeard], "") + "…"
	}
	s.heard = append(slices.Clone(s.heard), l)
	s.heard = s.heard[max(0, len(s.heard)-keep):]
	s.store(fieldHeard, s.heard)
}

// TakeHeard gives what was said past the bot since it was last asked, and
// forgets it: the caller puts it into the turn it makes.
func (s *Session) TakeHeard() []Line {
	heard := s.heard
	if len(heard) > 0 {
		s.heard = nil
		s.put(fieldHeard, nil)
	}
	return heard
}

func (s *Session) store(field string, value any) { s.put(field, encode(value)) }

// put changes a field; nil removes it.
func (s *Session) put(field string, raw []byte) {
	if s.set == nil {
		s.set = map[string][]byte{}
	}
	s.set[field] = raw
}

// Changes gives what happened to the session since Load.
func (s *Session) Changes() Changes {
	c := Changes{Set: s.set, Trim: s.trimmed}
	if s.read {
		c.Memo = s.current()
	}
	for _, t := range s.added {
		c.Append = append(c.Append, encode(wireTurn{
			V: SchemaVersion, ID: t.ID, At: t.At.UTC(), Said: t.Said, Answer: t.Answer, Tokens: t.Tokens, Via: t.Via, By: t.By, Calls: t.Calls,
		}))
	}
	if _, known := s.fields[fieldVersion]; !known && (len(c.Set) > 0 || len(c.Append) > 0) {
		s.store(fieldVersion, SchemaVersion)
		c.Set = s.set
	}
	return c
}

// encode marshals types of this package, which cannot fail.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("session: %v", err))
	}
	return data
}
