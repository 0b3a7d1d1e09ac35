package models

import (
	"context"
	"iter"

	"github.com/parley-hub/parley/core"
)

// Role says who speaks in a Message.
type Role string

// The roles.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one utterance of the prompt.
type Message struct {
	Role Role
	Text string
	// Name tells people in a group apart; empty in private.
	Name string
	// Images are shown to the model behind the text. Only pools whose model sees them
	// (PoolConfig.Vision) are to be given any.
	Images []Image
}

// Image is a picture as it was sent, never encoded anew.
type Image struct {
	// MIME is image/jpeg, image/png, image/gif or image/webp.
	MIME string
	Data []byte
}

// Request asks for one answer.
type Request struct {
	// Model is the id the worker serves. A Pool fills it in.
	Model    string
	Messages []Message
	// MaxTokens bounds the answer; 0 leaves it to the worker.
	MaxTokens int
	// Temperature nil leaves it to the worker.
	Temperature *float64
	// Affinity is the same for requests that share a long prompt, so that a pool
	// may send them to the worker that has it cached.
	Affinity string
	// Trace is the message that asks, for the events of who answers.
	Trace core.TraceID
	// Shown tells whether any of the answer has been shown to a person. Until then
	// a pool may begin again on another worker (Delta.Reset). Nil means that what
	// was yielded counts as shown.
	Shown func() bool
}

// Finish is why an answer ended.
type Finish string

// The reasons, in the protocol's words.
const (
	FinishStop      Finish = "stop"
	FinishLength    Finish = "length"
	FinishToolCalls Finish = "tool_calls"
	FinishFilter    Finish = "content_filter"
)

// Usage is what the answer cost, in tokens.
type Usage struct {
	Prompt     int
	Completion int
	// Cached is how much of the prompt the worker had cached.
	Cached int
}

// Delta is a piece of an answer. The last one has Finish set; Model and Worker
// are set on it too.
type Delta struct {
	Text string
	// Reset tells to forget all text so far: the answer begins again.
	Reset  bool
	Finish Finish
	Usage  *Usage
	// Model is what the worker says it is; Worker names the worker.
	Model  string
	Worker string
}

// Client answers.
type Client interface {
	// Chat streams one answer. It yields deltas, then ends; or yields one fault,
	// then ends. An answer is complete only when a delta with Finish came: a stream
	// that ends without it is a Retryable fault, never a shortened answer. Breaking
	// out of the loop, or the end of ctx, cancels the worker's work at once.
	Chat(ctx context.Context, r Request) iter.Seq2[Delta, error]
}
