package whatsapp

import (
	"net/http"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// FaultKind names a way to fail.
type FaultKind string

// The kinds of faults.
const (
	// FaultRateLimit refuses with Code (zero means 130429) and RetryAfter seconds.
	FaultRateLimit FaultKind = "rate_limit"
	// FaultError refuses with Status, Code and Message.
	FaultError FaultKind = "error"
	// FaultBadGateway answers 502 with an HTML page; the call is not executed.
	FaultBadGateway FaultKind = "bad_gateway"
	// FaultDropBefore closes the connection; the call is not executed.
	FaultDropBefore FaultKind = "drop_before"
	// FaultDropAfter executes the call and closes the connection instead of answering.
	FaultDropAfter FaultKind = "drop_after"
	// FaultDelay executes the call after Delay, or after Release when Delay is zero.
	FaultDelay FaultKind = "delay"
	// FaultFailLater takes a message and reports it as failed with Code.
	FaultFailLater FaultKind = "fail_later"
	// FaultReorder reports a message as delivered before it reports it as sent.
	FaultReorder FaultKind = "reorder"
	// FaultGarble changes a byte of a download.
	FaultGarble FaultKind = "garble"
	// FaultMediaURL gives URL as the address of a file.
	FaultMediaURL FaultKind = "media_url"
	// FaultDuplicate tells a notification twice. It meets notifications, not calls:
	// Endpoint does not matter.
	FaultDuplicate FaultKind = "duplicate"
)

// Fault is one entry of the script of failures.
type Fault struct {
	Kind FaultKind
	// Endpoint (phone, messages, typing, media, media_info, download), Number and Person
	// say which calls it meets; empty means all.
	Endpoint string
	Number   string
	Person   string
	// Skip lets so many matching calls through first.
	Skip int
	// Count is how many calls it meets; zero means one, negative all until it is removed.
	Count int
	// RetryAfter is in seconds; zero for none.
	RetryAfter int
	Delay      time.Duration
	// Status, Code and Message are the answer.
	Status  int
	Code    int
	Message string
	URL     string
}

// FaultHandle is an injected fault.
type FaultHandle = simulators.Injected[Fault]

// Inject adds a fault to the script.
func (s *Server) Inject(f Fault) *FaultHandle { return s.faults.Add(f, f.Skip, f.Count) }

// take finds the fault that meets a call.
func (s *Server) take(endpoint, number, person string) *FaultHandle {
	return s.faults.Take(func(f Fault) bool {
		return f.Kind != FaultDuplicate && (f.Endpoint == "" || f.Endpoint == endpoint) && f.in(number, person)
	})
}

// takeDuplicate tells whether a notification is to be told twice.
func (s *Server) takeDuplicate(number, person string) bool {
	return s.faults.Take(func(f Fault) bool { return f.Kind == FaultDuplicate && f.in(number, person) }) != nil
}

func (f Fault) in(number, person string) bool {
	return (f.Number == "" || f.Number == number) && (f.Person == "" || f.Person == person)
}

// applyFault does what comes before a call is executed. With final, it is not executed at all.
func (s *Server) applyFault(h *FaultHandle) (o outcome, final bool) {
	f := h.Fault
	o.fault = f.Kind
	switch f.Kind {
	case FaultRateLimit:
		code := f.Code
		if code == 0 {
			code = 130429
		}
		o.err = &apiError{status: http.StatusBadRequest, code: code, message: "Rate limit hit", retryAfter: f.RetryAfter}
	case FaultError:
		o.err = &apiError{status: f.Status, code: f.Code, message: f.Message, retryAfter: f.RetryAfter}
	case FaultBadGateway:
		o.html = true
	case FaultDropBefore:
		o.cut = true
	case FaultDelay:
		if !h.Hold(s.ctx, f.Delay) {
			o.cut = true
			return o, true
		}
		return o, false
	default:
		return o, false
	}
	return o, true
}
