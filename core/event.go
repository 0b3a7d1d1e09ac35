package core

import "time"

// Stage is a step of a message's life that can be seen from outside.
type Stage string

// The stages, in the order a message meets them. docs/architecture.md draws them.
const (
	// StageAccepted: the envelope is stored; Took is the time storing took.
	StageAccepted Stage = "accepted"
	// StageDuplicate: the same native message came again and was dropped.
	StageDuplicate Stage = "duplicate"
	// StageRefused: the envelope could not be stored, the platform keeps it.
	StageRefused Stage = "refused"
	// StageTaken: a turn began; Took is how long the envelope waited.
	StageTaken Stage = "taken"
	// StageRouted: a rule chose a skill; Took is how long that took.
	StageRouted Stage = "routed"
	// StageIgnored: a rule said that nobody answers.
	StageIgnored Stage = "ignored"
	// StageModel: a model worker answered; Took is the whole answer.
	StageModel Stage = "model"
	// StageDenied: a skill wanted what its manifest does not allow; Permission says what.
	StageDenied Stage = "denied"
	// StageTool: a model asked for a tool; Tool, Skill and Outcome say which, whose, and what
	// became of it, Took is how long the skill took.
	StageTool Stage = "tool"
	// StageToolLimit: a model may call nothing more in this turn; Outcome says why.
	StageToolLimit Stage = "tool_limit"
	// StageSkill: a skill came to its end.
	StageSkill Stage = "skill"
	// StageCommitted: the turn is done and its replies are in the outbox.
	StageCommitted Stage = "committed"
	// StageRetry: the turn or the sending failed and will be tried again.
	StageRetry Stage = "retry"
	// StageDraft: a draft was shown.
	StageDraft Stage = "draft"
	// StageSent: the platform has one message of the reply.
	StageSent Stage = "sent"
	// StageUnsure: nobody knows whether the platform has it; it is sent once more.
	StageUnsure Stage = "unsure"
	// StageDelivered: the whole reply stands; Took is the time since it was committed.
	StageDelivered Stage = "delivered"
	// StageUndelivered: the platform had taken a message of the reply, and said later that
	// it could not bring it to the person.
	StageUndelivered Stage = "undelivered"
	// StageBuried: it went to the dead letters.
	StageBuried Stage = "buried"
	// StageAPI: another program asked a model or called a tool through the hub, which is no
	// message; Account is its key's name, Took the whole request.
	StageAPI Stage = "api"
)

// Event is one step of one message. It never holds words or people; what it
// holds may become a metric's label, so each field has few values but Trace.
type Event struct {
	Stage   Stage
	At      time.Time
	Took    time.Duration
	Trace   TraceID
	Account Account
	Kind    Kind
	Rule    string
	Skill   string
	Model   string
	Worker  string
	// Permission is what a skill lacks.
	Permission string
	// Score is how sure Rule was; 0 where that is no question. It is for paths, no label.
	Score float64
	// Tool is what a model called, Outcome what became of it.
	Tool, Outcome string
	// Err is why it failed; readers look at its fault class.
	Err error
}

// Observer sees the events of every room. Observe must not block and is called
// from many goroutines.
type Observer interface{ Observe(Event) }

// ObserverFunc makes a function an Observer.
type ObserverFunc func(Event)

// Observe calls f.
func (f ObserverFunc) Observe(e Event) { f(e) }
