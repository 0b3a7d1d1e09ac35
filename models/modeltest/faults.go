package modeltest

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind names a fault, or a way of speaking that clients must tolerate.
type Kind string

// Faults before the answer begins.
const (
	// Reset drops the connection with a TCP reset before any header.
	Reset Kind = "reset"
	// BlackHole takes the request and never answers.
	BlackHole Kind = "black_hole"
	// HeadersOnly sends status and headers, then stalls.
	HeadersOnly Kind = "headers_only"
	// RoleOnly sends the role chunk, then stalls.
	RoleOnly Kind = "role_only"
	// SlowFirst delays the first token by Wait.
	SlowFirst Kind = "slow_first"
	// RateLimited answers 429 with Retry-After when Wait is set.
	RateLimited Kind = "rate_limited"
	// Unavailable answers 503 with Retry-After when Wait is set.
	Unavailable Kind = "unavailable"
	// Loading answers 503 "Loading model", for Wait after the first such request,
	// and for ever when Wait is 0.
	Loading Kind = "loading"
	// ServerError answers 500.
	ServerError Kind = "server_error"
	// BadGateway answers 502 with a page of HTML.
	BadGateway Kind = "bad_gateway"
	// Unauthorized answers 401 and repeats the key it was sent.
	Unauthorized Kind = "unauthorized"
	// BadRequest answers 400.
	BadRequest Kind = "bad_request"
	// Overflow answers 400: the prompt is longer than the context.
	Overflow Kind = "overflow"
	// MalformedIs500 answers malformed JSON with 500 instead of 400, as llama.cpp does.
	MalformedIs500 Kind = "malformed_is_500"
)

// Faults within the answer. They come behind the first After content chunks.
const (
	// SlowTokens delays each token by Wait.
	SlowTokens Kind = "slow_tokens"
	// Stall stops sending and keeps the connection.
	Stall Kind = "stall"
	// Cut drops the connection.
	Cut Kind = "cut"
	// ErrorEvent sends an error event, then [DONE].
	ErrorEvent Kind = "error_event"
	// NoFinish ends the stream properly without finish_reason and [DONE].
	NoFinish Kind = "no_finish"
	// DoneOnly sends [DONE] without a finish_reason.
	DoneOnly Kind = "done_only"
	// Abort finishes with "abort", as SGLang does when the engine gives up.
	Abort Kind = "abort"
)

// Ways of speaking that are no faults.
const (
	// NoUsage sends none; UsageOnFinish sends it on the finish chunk; UsageRunning
	// sends totals on every chunk. Otherwise it has a chunk of its own.
	NoUsage       Kind = "no_usage"
	UsageOnFinish Kind = "usage_on_finish"
	UsageRunning  Kind = "usage_running"
	// NullChoices sends the usage with "choices": null instead of [].
	NullChoices Kind = "null_choices"
	// Plain answers with one JSON object although a stream was asked for.
	Plain Kind = "plain"
	// WrongModel names another model than it was asked for.
	WrongModel Kind = "wrong_model"
	// WrongType labels the stream as text/plain.
	WrongType Kind = "wrong_type"
	// SplitBytes sends every byte by itself.
	SplitBytes Kind = "split_bytes"
	// CRLF ends lines with CR and LF; Comments puts comments between the events;
	// NoSpace writes "data:" without a space; NoBlank leaves out the blank lines.
	CRLF     Kind = "crlf"
	Comments Kind = "comments"
	NoSpace  Kind = "no_space"
	NoBlank  Kind = "no_blank"
	// BigLine sends one line of 1 MiB.
	BigLine Kind = "big_line"
	// NoDone leaves out [DONE].
	NoDone Kind = "no_done"
	// Thinking sends reasoning_content before the answer.
	Thinking Kind = "thinking"
	// ThinkTag begins the answer with a <think> block.
	ThinkTag Kind = "think_tag"
)

// FaultHeader names a fault for the one request that carries it: "cut" or
// "cut;after=3;wait=100ms".
const FaultHeader = "X-Fake-Fault"

// Fault says which requests meet a Kind.
type Fault struct {
	Kind Kind
	// From and To bound the numbers of the requests, counted from 1; 0 for no bound.
	From, To int
	// Probability that such a request meets it; 0 means always.
	Probability float64
	// After is how many content chunks come before it.
	After int
	// Wait is its delay or the patience it asks for.
	Wait time.Duration
	// Probes makes /health, /metrics and /v1/models meet it too, whatever its numbers
	// are; only faults that come instead of an answer can.
	Probes bool
}

// hits draws by the seed, the fault's place in the script and the number of the
// request, so that requests that overtake each other change nothing.
func (f Fault) hits(seed uint64, place, number int) bool {
	if number < f.From || f.To > 0 && number > f.To {
		return false
	}
	return f.Probability == 0 || rand.New(rand.NewPCG(seed, uint64(place)<<32|uint64(number))).Float64() < f.Probability
}

// script is what one request meets.
type script []Fault

func (s script) get(k Kind) (Fault, bool) {
	for _, f := range s {
		if f.Kind == k {
			return f, true
		}
	}
	return Fault{}, false
}

func (s script) has(k Kind) bool {
	_, ok := s.get(k)
	return ok
}

// now tells whether the fault comes behind this many content chunks.
func (s script) now(k Kind, chunks int) bool {
	f, ok := s.get(k)
	return ok && f.After == chunks
}

func scriptFor(faults []Fault, seed uint64, number int, h http.Header) script {
	var s script
	for i, f := range faults {
		if f.hits(seed, i, number) {
			s = append(s, f)
		}
	}
	for _, spelling := range h.Values(FaultHeader) {
		s = append(s, parseFault(spelling))
	}
	return s
}

// parseFault reads a header; what it does not understand it leaves out.
func parseFault(spelling string) Fault {
	kind, options, _ := strings.Cut(spelling, ";")
	f := Fault{Kind: Kind(strings.TrimSpace(kind))}
	for option := range strings.SplitSeq(options, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(option), "=")
		switch key {
		case "after":
			f.After, _ = strconv.Atoi(value)
		case "wait":
			f.Wait, _ = time.ParseDuration(value)
		}
	}
	return f
}
