package openaiapi

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// How long callers are asked to wait when the fault does not say. Clients repeat by
// themselves, so it is never nothing.
const (
	waitLimited = time.Second
	waitFailed  = 2 * time.Second
	waitHuman   = 30 * time.Second
)

// The protocol's types and codes of errors
// (https://platform.openai.com/docs/guides/error-codes).
const (
	kindRequest = "invalid_request_error"
	kindLimit   = "rate_limit_error"
	kindServer  = "server_error"

	codeType        = "invalid_type"
	codeValue       = "invalid_value"
	codeMissing     = "missing_required_parameter"
	codeUnsupported = "unsupported_parameter"
	codeNoModel     = "model_not_found"
	codeTooLong     = "context_length_exceeded"
)

// failure is an answer that is an error object.
type failure struct {
	status     int
	kind, code string
	// param is the path of the field that is wrong, as in messages[0].role.
	param string
	text  string
	// wait goes into Retry-After; 0 for none.
	wait time.Duration
	// cause is for the log alone.
	cause error
}

func (f *failure) Error() string {
	if f.cause != nil {
		return f.cause.Error()
	}
	return f.message()
}

func (f *failure) Unwrap() error { return f.cause }

func (f *failure) message() string {
	if f.param == "" || f.kind != kindRequest {
		return f.text
	}
	return "'" + f.param + "' " + f.text
}

// wrong is a caller's mistake in the field that is being read.
func wrong(code, format string, args ...any) error {
	return &failure{status: http.StatusBadRequest, kind: kindRequest, code: code, text: fmt.Sprintf(format, args...)}
}

func wrongType(want string) error { return wrong(codeType, "must be %s", want) }

func unsupported(format string, args ...any) error {
	return wrong(codeUnsupported, format+" not supported here", args...)
}

// inside says that a mistake is in this member of an object.
func inside(name string, err error) error {
	var f *failure
	if errors.As(err, &f) {
		if f.param != "" && f.param[0] != '[' {
			name += "."
		}
		f.param = name + f.param
	}
	return err
}

// insideAt says that a mistake is in this element of a list.
func insideAt(i int, err error) error { return inside("["+strconv.Itoa(i)+"]", err) }

// failureOf gives any error its status. What a model or a worker said stays in the log:
// callers read the public text and the request's id.
func failureOf(err error, id core.TraceID) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	public, wait := fault.Public(err), fault.Wait(err)
	switch class := fault.ClassOf(err); {
	case errors.Is(err, models.ErrOverflow):
		return &failure{
			status: http.StatusBadRequest, kind: kindRequest, code: codeTooLong, param: "messages",
			text: "are longer than the model's context", cause: err,
		}
	case class == fault.Permanent:
		return &failure{status: http.StatusBadRequest, kind: kindRequest, text: told(public, "The model refused this request.", id), cause: err}
	case class == fault.RateLimited:
		return &failure{
			status: http.StatusTooManyRequests, kind: kindLimit, code: "rate_limit_exceeded",
			text: told(public, "The model is busy.", id), wait: atLeast(wait, waitLimited), cause: err,
		}
	case class == fault.NeedsHuman:
		return unavailable(told(public, "The model is not available.", id), atLeast(wait, waitHuman), err)
	case class == fault.Retryable:
		return unavailable(told(public, "The model could not answer.", id), atLeast(wait, waitFailed), err)
	default:
		return &failure{status: http.StatusInternalServerError, kind: kindServer, text: told(public, "Something went wrong here.", id), cause: err}
	}
}

func unavailable(text string, wait time.Duration, err error) *failure {
	return &failure{status: http.StatusServiceUnavailable, kind: kindServer, code: "service_unavailable", text: text, wait: wait, cause: err}
}

func told(public, otherwise string, id core.TraceID) string {
	if public == "" {
		public = otherwise
	}
	return public + " (request " + string(id) + ")"
}

func atLeast(wait, otherwise time.Duration) time.Duration {
	if wait <= 0 {
		return otherwise
	}
	return wait
}

// append writes the error object.
func (f *failure) append(b []byte) []byte {
	b = appendQuoted(append(b, `{"error":{"message":`...), f.message())
	b = appendQuoted(append(b, `,"type":`...), f.kind)
	b = appendNullable(append(b, `,"param":`...), f.param)
	b = appendNullable(append(b, `,"code":`...), f.code)
	return append(b, "}}"...)
}

// retryAfter is in whole seconds (RFC 9110 §10.2.3), never earlier than asked.
func (f *failure) retryAfter() string { return strconv.Itoa(int(math.Ceil(f.wait.Seconds()))) }
