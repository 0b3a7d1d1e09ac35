package telegram

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/parley-hub/parley/core/fault"
)

// answer is what came of one call, free of anything secret.
type answer struct {
	// method is what was called.
	method string
	// status is the HTTP status; 0 when no answer came.
	status int
	// spoke is true when the answer was one of the Bot API: JSON with a verdict.
	spoke       bool
	code        int
	description string
	retryAfter  int
	migrateTo   int64
	// sent is true when the request may have reached the server.
	sent bool
	// cause is why there is no verdict, redacted.
	cause error
}

// refusal is the Bot API's own "no". It stays in the chain of the fault so that
// the few refusals with a way around them can be told from the rest.
type refusal struct {
	code        int
	description string
	migrateTo   int64
}

func (r *refusal) Error() string { return r.description }

// fault decides what a failed call means. account goes into the texts a human acts on.
func (a answer) fault(account string) *fault.Error {
	if !a.spoke {
		return a.silent()
	}
	cause := &refusal{code: a.code, description: a.description, migrateTo: a.migrateTo}
	switch {
	case a.code == http.StatusTooManyRequests:
		wait := max(time.Duration(a.retryAfter)*time.Second, time.Second)
		return fault.New(fault.RateLimited, a.method, cause, fault.WithWait(wait), fault.WithScope(fault.ScopeUnknown))
	case a.code == http.StatusUnauthorized, a.code == http.StatusNotFound && !cause.unknownMethod():
		return fault.New(fault.NeedsHuman, a.method, fmt.Errorf(
			"account %s: the server does not know this token (%w): it was revoked or mistyped; ask BotFather for the current one and put it into the configuration",
			account, cause))
	case a.code == http.StatusConflict:
		return fault.New(fault.NeedsHuman, a.method, fmt.Errorf(
			"account %s: another process receives updates with this token (%w): stop it, or give this hub a bot of its own",
			account, cause))
	case a.code >= http.StatusInternalServerError:
		return fault.New(fault.Retryable, a.method, cause)
	default:
		// 400 and 403: the chat is gone, the person blocked the bot, the request is
		// one the server will never take.
		return fault.New(fault.Permanent, a.method, cause)
	}
}

// silent is for calls without a verdict: no answer, half of one, or a page of
// something that stands in front of the server.
func (a answer) silent() *fault.Error {
	switch {
	case a.status == 0 && !a.sent:
		return fault.New(fault.Retryable, a.method, a.cause)
	case a.status == http.StatusTooManyRequests:
		wait := max(time.Duration(a.retryAfter)*time.Second, time.Second)
		return fault.New(fault.RateLimited, a.method, a.cause, fault.WithWait(wait))
	case a.status >= http.StatusMultipleChoices:
		return fault.New(fault.Retryable, a.method, fmt.Errorf("status %d without a verdict: %w", a.status, a.cause))
	default:
		return fault.New(fault.Retryable, a.method, fmt.Errorf("the answer was lost: %w", a.cause), fault.Unsure())
	}
}

func (r *refusal) says(words string) bool {
	return strings.Contains(strings.ToLower(r.description), words)
}

// unknownMethod: the server says "method not found" for a method it lacks and a
// bare "Not Found" for a token of the wrong shape.
func (r *refusal) unknownMethod() bool { return r.says("method not found") }

// noPhoto: the server cannot show the file as a photo: it is none, or too wide, or too
// long for its width.
func (r *refusal) noPhoto() bool {
	return r.says("image_process_failed") || r.says("photo_invalid_dimensions") || r.says("photo_ext_invalid") ||
		r.says("too big for a photo")
}

// refused reads the Bot API's refusal out of an error; nil when it is another failure.
func refused(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}

func permanent(op, format string, args ...any) error {
	return fault.New(fault.Permanent, op, fmt.Errorf(format, args...))
}
