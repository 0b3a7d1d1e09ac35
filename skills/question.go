package skills

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/parley-hub/parley/core"
)

// The bounds of a question.
const (
	// MaxQuestionState is the longest state, in bytes.
	MaxQuestionState = 16 << 10
	// MaxQuestionTime is the longest that an answer is waited for.
	MaxQuestionTime = 7 * 24 * time.Hour
)

// Question is what a skill asks and waits for.
type Question struct {
	// Parts are the words, with buttons or without. A press of a button that is this
	// skill's answers too.
	Parts []core.Part
	// State is JSON that comes back with the answer, at most MaxQuestionState bytes;
	// empty for none.
	State json.RawMessage
	// For is how long the answer is waited for: more than 0, at most MaxQuestionTime.
	For time.Duration
}

// Asked is a question that was answered.
type Asked struct {
	// Turn is the one that asked.
	Turn core.EnvelopeID
	// State is what it left behind.
	State json.RawMessage
}

var (
	errNoWords = errors.New("a question without parts")
	errNoJSON  = errors.New("the state is no JSON")
)

// Check tells what is wrong with a question, as its skill made it.
func (q Question) Check() error {
	switch {
	case len(q.Parts) == 0:
		return errNoWords
	case len(q.State) > MaxQuestionState:
		return fmt.Errorf("a state of %d bytes; at most %d are kept", len(q.State), MaxQuestionState)
	case len(q.State) > 0 && !json.Valid(q.State):
		return errNoJSON
	case q.For <= 0 || q.For > MaxQuestionTime:
		return fmt.Errorf("an answer is waited for %s; it is more than 0 and at most %s", q.For, MaxQuestionTime)
	}
	return nil
}
