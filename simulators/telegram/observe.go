package telegram

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// EventKind tells what a chat showed.
type EventKind string

// The kinds of events.
const (
	EventMessage  EventKind = "message"  // a new message, by a bot or a person
	EventEdited   EventKind = "edited"   // a message changed
	EventDeleted  EventKind = "deleted"  // a message is gone; only MessageID is set
	EventDraft    EventKind = "draft"    // a bot's draft appeared or changed
	EventTyping   EventKind = "typing"   // a chat action, in Action
	EventReaction EventKind = "reaction" // the reactions of a message changed
	EventAnswer   EventKind = "answer"   // a button press was answered, in Answer
)

// Event is one thing that a chat showed. Seq counts all events of the server from one.
type Event struct {
	Seq       int64     `json:"seq"`
	Kind      EventKind `json:"kind"`
	At        time.Time `json:"at"`
	Bot       int64     `json:"bot,omitempty"` // the bot behind it, or whose private chat it is
	Chat      int64     `json:"chat"`
	Thread    int64     `json:"thread,omitempty"`
	MessageID int64     `json:"message_id,omitempty"`
	Message   *Posted   `json:"message,omitempty"`
	Draft     *Draft    `json:"draft,omitempty"`
	Action    string    `json:"action,omitempty"`
	Answer    *Answer   `json:"answer,omitempty"`
}

// Draft is a message being written, as sendMessageDraft shows it.
type Draft struct {
	ID       int64     `json:"draft_id"`
	Thread   int64     `json:"thread,omitempty"`
	Text     string    `json:"text"`
	Entities []Entity  `json:"entities,omitempty"`
	At       time.Time `json:"at"`
}

// Answer is what a bot answered to a button press.
type Answer struct {
	QueryID   string `json:"callback_query_id"`
	Text      string `json:"text,omitempty"`
	ShowAlert bool   `json:"show_alert,omitempty"`
	URL       string `json:"url,omitempty"`
}

// Call is one Bot API call in the transcript.
type Call struct {
	Seq         int64     `json:"seq"`
	At          time.Time `json:"at"` // when it arrived
	Bot         int64     `json:"bot"`
	Method      string    `json:"method"` // as the caller spelled it
	Chat        int64     `json:"chat,omitempty"`
	OK          bool      `json:"ok"`
	Code        int       `json:"code,omitempty"`
	Description string    `json:"description,omitempty"`
	// Fault is the injected fault that met the call. With FaultDropAfter, OK tells what the
	// caller never learned.
	Fault FaultKind `json:"fault,omitempty"`
	// Params are the arguments without files; long values are cut.
	Params map[string]string `json:"params,omitempty"`
}

// Subscription is a stream of events from its start on.
type Subscription = simulators.Subscription[Event]

// ErrClosed is returned by Wait when the server was closed.
var ErrClosed = simulators.ErrClosed

// publish tells an event. The caller may hold the server's locks.
func (s *Server) publish(e Event) {
	s.feed.Publish(func(seq int64) Event { e.Seq = seq; return e })
}

// record adds a call that ended to the transcript.
func (s *Server) record(c *call, name string, o outcome) {
	rec := Call{
		At: c.at, Bot: c.bot.user.ID, Method: name, Chat: c.chat, OK: o.err == nil && !o.html,
		Fault: o.fault, Params: simulators.ShortenAll(c.params.values),
	}
	if o.cut && o.result == nil { // cut before it was executed
		rec.OK = false
	}
	if o.err != nil {
		rec.Description = o.err.Error()
		var api *apiError
		if errors.As(o.err, &api) {
			rec.Code = api.code
		}
	}
	s.feed.Record(func(seq int64) Call { rec.Seq = seq; return rec })
}

// Shown gives what a chat shows now, oldest first: edited messages as edited, without deleted
// ones. Bot zero will do unless several bots have a private chat with the user.
func (s *Server) Shown(bot, chat int64) []Posted {
	ch, err := s.chatByID(bot, chat)
	if err != nil {
		return nil
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	log := ch.visible(s.opts.MaxMessages)
	out := make([]Posted, len(log))
	for i, p := range log {
		out[i] = *p
	}
	return out
}

// draftLife is how long clients show a draft that is not renewed.
const draftLife = 30 * time.Second

// Drafts gives the drafts a chat shows now, by id.
func (s *Server) Drafts(bot, chat int64) []Draft {
	ch, err := s.chatByID(bot, chat)
	if err != nil {
		return nil
	}
	now := s.opts.Now()
	ch.mu.Lock()
	defer ch.mu.Unlock()
	maps.DeleteFunc(ch.drafts, func(_ int64, d Draft) bool { return now.Sub(d.At) >= draftLife })
	return slices.SortedFunc(maps.Values(ch.drafts), func(a, b Draft) int { return cmp.Compare(a.ID, b.ID) })
}

// OpenChat names a chat that exists: a group, or a bot's private chat with a user.
type OpenChat struct {
	Bot  int64 `json:"bot,omitempty"` // zero for groups
	Chat Chat  `json:"chat"`
}

// Chats lists the chats there are, by bot and id.
func (s *Server) Chats() []OpenChat {
	s.mu.RLock()
	all := slices.Collect(maps.Values(s.chats))
	s.mu.RUnlock()
	out := make([]OpenChat, len(all))
	for i, ch := range all {
		out[i] = OpenChat{Bot: ch.key.bot, Chat: ch.info} // neither changes
	}
	slices.SortFunc(out, func(a, b OpenChat) int {
		return cmp.Or(cmp.Compare(a.Bot, b.Bot), cmp.Compare(a.Chat.ID, b.Chat.ID))
	})
	return out
}
