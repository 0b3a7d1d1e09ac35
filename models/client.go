package models

import (
	"context"
	"encoding/json"
	"io"
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
	// ToolResult is what a tool gave back; CallID says for which call.
	ToolResult Role = "tool"
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
	// Calls are the tools that the model, as Assistant, asked for.
	Calls []ToolCall
	// CallID is the ToolCall that a ToolResult answers.
	CallID string
}

// Image is a picture as it was sent, never encoded anew.
type Image struct {
	// MIME is image/jpeg, image/png, image/gif or image/webp.
	MIME string
	Data []byte
}

// Tool is a function that the model may ask for.
type Tool struct {
	Name, Description string
	// Parameters is the JSON Schema of its arguments.
	Parameters json.RawMessage
}

// ToolCall is the model asking for a tool. It comes whole, never in pieces.
type ToolCall struct {
	// ID is never empty, and no two calls of an answer share it.
	ID, Name string
	// Arguments is a JSON object.
	Arguments json.RawMessage
}

// ToolChoice says whether tools are called: ToolAuto, ToolNone, ToolRequired, or the name
// of the one tool that must be.
type ToolChoice string

// The choices that name no tool.
const (
	ToolAuto     ToolChoice = ""
	ToolNone     ToolChoice = "none"
	ToolRequired ToolChoice = "required"
)

// Format is what an answer must be: a JSON object, and one of Schema if there is one.
type Format struct {
	// Name is what the schema is called, 1 to 64 letters, digits, '-' and '_'.
	Name string
	// Schema is a JSON Schema; empty for any object.
	Schema json.RawMessage
	Strict bool
}

// Sampling is how the next word is drawn; what is nil or empty is left to the worker.
type Sampling struct {
	Temperature, TopP, PresencePenalty, FrequencyPenalty *float64
	Seed                                                 *int64
	Stop                                                 []string
}

// Band says how long a request can wait. Those of an earlier band go first.
type Band uint8

// The bands.
const (
	// Interactive: a person watches.
	Interactive Band = iota
	// Normal: somebody will look soon.
	Normal
	// Batch: nobody waits.
	Batch
)

// Payer is whom a request is for: it shares the workers with others fairly by person,
// and budgets are per person, role and account. The zero Payer is the hub itself.
type Payer struct {
	// Account is the bot that was asked, or the API key's name.
	Account string
	// Person is the same on every platform; it names nobody.
	Person string
	// Role is the person's; empty for none.
	Role string
	// Skill is what asked.
	Skill string
}

// Request asks for one answer.
type Request struct {
	// Model is the id the worker serves. A Pool fills it in.
	Model    string
	Messages []Message
	// MaxTokens bounds the answer; 0 leaves it to the worker.
	MaxTokens int
	Sampling
	Tools      []Tool
	ToolChoice ToolChoice
	// Format nil is text.
	Format *Format
	// Prefix is the text of the answer that was already said: the worker goes on behind
	// it and does not say it again. Only where Capabilities.Continue.
	Prefix string
	Band   Band
	For    Payer
	// Cache says whether an answer that was given before will do.
	Cache Caching
	// Affinity is the same for requests that share a long prompt, so that a pool
	// may send them to the worker that has it cached.
	Affinity string
	// Trace is the message that asks, for the events of who answers.
	Trace core.TraceID
	// Shown tells whether any of the answer has been shown to a person. Until then
	// a pool may begin again on another worker (Delta.Reset). Nil means that what
	// was yielded counts as shown.
	Shown func() bool
	// Restart is true when what was shown can be replaced: an answer that broke off
	// may then begin again (Delta.Reset) even though somebody saw some of it.
	Restart bool
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

// Delta is a piece of an answer. The last one has Finish set; Model, Worker, Version and
// Calls are set on it too. An empty one only says that the worker has begun.
type Delta struct {
	Text string
	// Calls are the tools that are asked for; Finish is then FinishToolCalls.
	Calls []ToolCall
	// Reset tells to forget all text so far: the answer begins again.
	Reset  bool
	Finish Finish
	Usage  *Usage
	// Saved is what the answer would have cost, had it not been there already; Usage is
	// then zero. It is nil for one that a worker gave.
	Saved *Usage
	// Model is what the worker says it is; Worker names the worker, Version the version of
	// the pool's model that it serves.
	Model   string
	Worker  string
	Version string
}

// Client answers.
type Client interface {
	// Chat streams one answer. It yields deltas, then ends; or yields one fault,
	// then ends. An answer is complete only when a delta with Finish came: a stream
	// that ends without it is a Retryable fault, never a shortened answer. Breaking
	// out of the loop, or the end of ctx, cancels the worker's work at once.
	Chat(ctx context.Context, r Request) iter.Seq2[Delta, error]
}

// EmbedRequest asks for the vectors of texts.
type EmbedRequest struct {
	// Model is the id the worker serves. A Pool fills it in.
	Model string
	Texts []string
	// Dimensions of each vector; 0 leaves it to the model.
	Dimensions int
	Band       Band
	For        Payer
	Trace      core.TraceID
}

// Embeddings are vectors in the order of the texts.
type Embeddings struct {
	Vectors [][]float32
	Usage   Usage
	// Estimated is true where the worker did not say what they cost.
	Estimated bool
	// Model, Worker and Version are who made them.
	Model, Worker, Version string
}

// Embedder makes vectors of texts. A text that the model does not take is a Permanent
// fault of the whole request.
type Embedder interface {
	Embed(ctx context.Context, r EmbedRequest) (Embeddings, error)
}

// TranscribeRequest asks for what is said in a recording.
type TranscribeRequest struct {
	// Model is the id the worker serves. A Pool fills it in.
	Model string
	// Audio gives the recording from its beginning, each time it is called; it may be
	// sent more than once. Size is its length in bytes.
	Audio func() (io.ReadCloser, error)
	Size  int64
	// Name ends as the format's files do: the workers go by it.
	Name string
	// Language is an ISO 639-1 code; empty if it is not known.
	Language string
	Band     Band
	For      Payer
	Trace    core.TraceID
}

// Transcript is what was said.
type Transcript struct {
	Text string
	// Language and Seconds are the worker's guess; empty and 0 for none.
	Language string
	Seconds  float64
	// Model, Worker and Version are who heard it.
	Model, Worker, Version string
}

// Transcriber writes down what is said.
type Transcriber interface {
	Transcribe(ctx context.Context, r TranscribeRequest) (Transcript, error)
}
