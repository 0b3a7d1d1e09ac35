package skills

import (
	"context"
	"encoding/json"

	"github.com/parley-hub/parley/core"
)

// Called says that a model calls the skill, and not a person: in Turn.Called.
//
// Such a turn is one of its own: its ID is the same in each run of the call, its World is
// what this skill's manifest allows, its Input is valid. The Envelope is what a person
// would have sent: it holds the Command where the tool is one, and nothing for a Tool of
// Manifest.Tools. What the skill replies goes to the model; what is no text, and all of a
// reply with buttons, goes to the person too. A question that it asks is the person's, who
// answers it to this skill. Drafts are not shown. The Session is a copy: what is changed in
// it is not kept.
type Called struct {
	// Tool is the name that was called.
	Tool string
	// Call is the same in each run of this call, as the turn's ID is.
	Call string
}

// Tools are what a model may call in a turn, in the name of the person who speaks. They are
// safe for concurrent use.
type Tools interface {
	// List gives what this person may have called here, through this account, in order of
	// the names. It is the same throughout a turn.
	List() []Callable
	// Call runs a skill, in a turn of its own, and gives what it said. An error is what the
	// skill failed with: fault.Public of it may be told, the rest is for the log. Whether
	// the person must confirm a dangerous call is the caller's business.
	Call(ctx context.Context, c Call) (Result, error)
}

// Outcome is what became of a tool that a model asked for.
type Outcome string

// The outcomes.
const (
	// ToolDone and ToolFailed: the skill was run.
	ToolDone   Outcome = "done"
	ToolFailed Outcome = "failed"
	// ToolUnknown: there is no such tool, or not for this person here.
	ToolUnknown Outcome = "unknown"
	// ToolInvalid: its arguments were wrong.
	ToolInvalid Outcome = "invalid"
	// ToolRefused: the person did not want it.
	ToolRefused Outcome = "refused"
	// ToolWithheld: it was not called because of a limit.
	ToolWithheld Outcome = "withheld"
)

// Call is one call of a tool.
type Call struct {
	// ID tells this call from all others for ever, and is the same when it is made again:
	// a skill gives it to what it does as its idempotency key.
	ID string
	// Tool is a name from List; Input is what its Check gave.
	Tool  string
	Input json.RawMessage
	// Attempt counts the runs of the call, from 1: a turn that is run again makes calls again
	// of which nobody knows how they ended.
	Attempt int
}

// Result is what a called skill said.
type Result struct {
	// Turn is the ID of the called turn, Skill whose it was.
	Turn  core.EnvelopeID
	Skill string
	// Said are its replies, in order.
	Said [][]core.Part
	// Elsewhere are those to other private chats of the person: To, Person and Parts are set.
	Elsewhere []core.Reply
	// Question is what it asked the person; nil for nothing. It is not asked yet.
	Question *Question
	// LeftOut is how many bytes of text it said beyond what is taken of one call.
	LeftOut int
}
