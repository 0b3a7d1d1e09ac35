package skills

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
)

// Role is what a person may be to this hub.
type Role string

// The roles. Everybody is a User; the configuration names the others.
const (
	User  Role = "user"
	Admin Role = "admin"
)

// Turn is one thing to answer.
type Turn struct {
	// ID is the same each time this turn is run: the idempotency key of side effects.
	ID core.EnvelopeID
	// Envelope is what was said; messages merged into one turn are one envelope here.
	Envelope core.Envelope
	// Args is the text behind the command, or the whole text without one.
	Args string
	// Person is who says it, whatever account they write from.
	Person core.PersonID
	// Key names the memory that Session is of.
	Key     session.Key
	Role    Role
	Session *session.Session
	// Model names the pool the route chose; empty for the default.
	Model string
	// Rule names the routing rule that chose this skill.
	Rule string
	// Now is the time of the turn.
	Now time.Time
	// Attempt counts the runs of this turn, from 1. Last is true when none follows: what
	// this one does not say remains unsaid.
	Attempt int
	Last    bool
	// Log carries the turn's ids already.
	Log zerolog.Logger
	// Files are the bytes of the media that the turn hears of and answers with.
	Files Files
	// Input is what stands behind the command, read into the command's schema: a JSON
	// object that is valid and has the defaults in it. It is nil for a command without a
	// schema and where no command was given.
	Input json.RawMessage
	// Asked is the question that this turn answers; nil for none.
	Asked *Asked
	// Called is set where a model calls the skill; nil where a person does.
	Called *Called
	// Tools are what a model that the skill asks may call; nil for a skill that is not
	// permitted any (Permissions.Tools), one that a model calls, and a program of its own.
	Tools Tools
	// World is what the skill reaches beyond the conversation.
	World World
}

// Chosen gives the pool that the conversation chose, and the role by which it may: in private
// that of who speaks, elsewhere that of who chose it.
func (t *Turn) Chosen() (pool string, by Role) {
	if t.Envelope.In.Place == core.Private {
		return t.Session.Model(), t.Role
	}
	return t.Session.Model(), Role(t.Session.ModelBy())
}

// Files gives skills the bytes of media. It is used by one goroutine at a time.
type Files interface {
	// Open reads a media of the turn's envelope. One that is gone or too large is a
	// Permanent fault. The reader lives no longer than ctx; the caller closes it.
	Open(ctx context.Context, m core.Media) (io.ReadCloser, error)
	// Keep stores what r gives so that it can be sent: it gives the media back with its
	// Blob and Size. Doing it again in another run of the turn is harmless.
	Keep(ctx context.Context, m core.Media, r io.Reader) (core.Media, error)
}

// Writer takes what a skill answers. It is used by one goroutine at a time.
type Writer interface {
	// Draft shows the answer so far; newest wins, nothing is promised. Without
	// parts it shows that the bot is typing.
	Draft(parts ...core.Part)
	// Drafted tells whether somebody may have seen words of a draft: a platform that shows
	// none, or not yet, has shown nothing.
	Drafted() bool
	// Reply adds one reply to the turn. It is sent after the turn is stored.
	Reply(parts ...core.Part)
	// ReplyIn adds one reply to another private conversation of the same person, who
	// asked for nothing there. person is the one behind that conversation's account,
	// as core.PersonOf derives it. It is stored and sent as the others are.
	ReplyIn(to core.Conversation, person core.PersonID, parts ...core.Part)
	// Ask adds one reply that asks something, and has the person's next message come back
	// to this skill with Turn.Asked. It is stored and sent as replies are; a turn asks one
	// question, and the last one counts. A person has one question open in a conversation:
	// a new one takes the place of the one before, whosever it was.
	Ask(q Question)
}

// Handler answers turns.
type Handler interface {
	Handle(ctx context.Context, t *Turn, w Writer) error
}

// HandlerFunc makes a function a Handler.
type HandlerFunc func(ctx context.Context, t *Turn, w Writer) error

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, t *Turn, w Writer) error { return f(ctx, t, w) }

// Middleware wraps a Handler.
type Middleware func(Handler) Handler

// Chain wraps h so that the first middleware is the outermost.
func Chain(h Handler, with ...Middleware) Handler {
	for i := len(with) - 1; i >= 0; i-- {
		h = with[i](h)
	}
	return h
}

// Skill is a Handler that can introduce itself.
type Skill interface {
	Handler
	Manifest() Manifest
}
