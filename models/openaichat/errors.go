package openaichat

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// maxErrorBody bounds what is read of an error answer, maxErrorText what of it
	// comes into an error, in bytes.
	maxErrorBody = 64 << 10
	maxErrorText = 300
	// maxWait bounds what a server may ask us to wait.
	maxWait = time.Hour
	// loadingWait is for a server that is still loading its model.
	loadingWait = 2 * time.Second
)

const (
	publicTooLong = "This conversation is too long for the model. Start a new one and try again."
	publicNoModel = "The model is not available."
)

// statusError is an HTTP answer that is not the one asked for.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string {
	if e.code == 0 {
		return cmp.Or(e.text, "no words")
	}
	if e.text == "" {
		return fmt.Sprintf("status %d", e.code)
	}
	return fmt.Sprintf("status %d: %s", e.code, e.text)
}

// refused makes the fault of an answer that is not 2xx. It reads, but does not
// close, the body.
func (c *Client) refused(op string, resp *http.Response) error {
	// What cannot be read is missing from the words, not from the class.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	r := explain(body)
	r.code = resp.StatusCode
	r.wait, r.retry = retryAfter(resp.Header, time.Now()), resp.Header.Get("X-Should-Retry")
	return c.judge(op, r)
}

// refusal is what a server says when it does not answer, as a response or as an event
// of a stream.
type refusal struct {
	// code is the HTTP status; 0 when the error came in a stream and names none.
	code        int
	words, kind string
	wait        time.Duration
	// retry is the x-should-retry header: "true", "false" or empty.
	retry string
}

// judge makes the fault of a refusal: its class, its wait and its culprit.
//
// x-should-retry (OpenAI) overrules the class, never the culprit: with "false" a
// failure is Permanent, with "true" a refusal is Retryable.
func (c *Client) judge(op string, r refusal) error {
	text := r.words
	if r.kind != "" && !strings.Contains(r.words, r.kind) {
		text = r.kind + ": " + r.words
	}
	var err error = &statusError{r.code, c.redact.text(bounded(text))}
	class, culprit, public := fault.Retryable, models.BlameWorker, ""
	switch words := strings.ToLower(r.words); {
	case overflows(words, r.kind):
		err, public = fmt.Errorf("%w: %w", models.ErrOverflow, err), publicTooLong
		class, culprit = fault.Permanent, models.BlameRequest
	case r.code == http.StatusUnauthorized, r.code == http.StatusForbidden, r.kind == "insufficient_quota":
		class, culprit = fault.NeedsHuman, models.BlameNobody
	case r.code == http.StatusTooManyRequests:
		class, culprit = fault.RateLimited, models.BlameNobody
	case r.code == http.StatusRequestTimeout:
		culprit = models.BlameNobody
	case r.code == http.StatusNotFound:
		// The pool named the model, not the request: it is this worker that lacks it.
		err, public = fmt.Errorf("%w: %w", models.ErrNoModel, err), publicNoModel
		class, culprit = fault.NeedsHuman, models.BlameNobody
	case r.code != 0 && r.code < 400, r.code == http.StatusMethodNotAllowed:
		// A redirect or an empty success: something else listens at this address.
		class, culprit = fault.NeedsHuman, models.BlameNobody
	case r.code != 0 && r.code < 500, r.code == http.StatusNotImplemented, rejectsInput(words, r.kind):
		class, culprit = fault.Permanent, models.BlameRequest
	case r.code == http.StatusServiceUnavailable && strings.Contains(words, "loading model"):
		err = fmt.Errorf("%w: %w", models.ErrLoading, err)
		r.wait, culprit = cmp.Or(r.wait, loadingWait), models.BlameNobody
	case r.code == http.StatusServiceUnavailable && r.wait > 0:
		culprit = models.BlameNobody
	}
	switch {
	case r.retry == "false" && (class == fault.Retryable || class == fault.RateLimited):
		class = fault.Permanent
	case r.retry == "true" && class == fault.Permanent && public == "":
		class = fault.Retryable
	}
	return fault.New(class, op, models.Blamed(culprit, err), fault.WithWait(r.wait), fault.WithPublic(public))
}

// explain finds words, kind and code in an error body: OpenAI and Ollama send
// {"error":{"message","type","code"}}, llama.cpp and vLLM the same with a number as
// code, TGI {"error":"text","error_type"}, old vLLM {"object":"error","message"},
// proxies a page of HTML.
func explain(body []byte) refusal {
	var outer struct {
		Error     json.RawMessage `json:"error"`
		ErrorType string          `json:"error_type"`
		Message   string          `json:"message"`
		Code      json.RawMessage `json:"code"`
	}
	var odd *json.UnmarshalTypeError
	if err := json.Unmarshal(body, &outer); err != nil && !errors.As(err, &odd) {
		return refusal{words: string(body)}
	}
	var inner struct {
		Message string          `json:"message"`
		Type    string          `json:"type"`
		Code    json.RawMessage `json:"code"`
	}
	var text string
	switch {
	case json.Unmarshal(outer.Error, &text) == nil && text != "":
		return refusal{words: text, kind: outer.ErrorType}
	case json.Unmarshal(outer.Error, &inner) == nil && (inner.Message != "" || inner.Type != ""):
		r := refusal{words: inner.Message, kind: inner.Type, code: status(inner.Code)}
		if json.Unmarshal(inner.Code, &text) == nil && text != "" {
			r.kind = text
		}
		return r
	case outer.Message != "":
		return refusal{words: outer.Message, code: status(outer.Code)}
	default:
		return refusal{words: string(body)}
	}
}

// status reads a code that is an HTTP status; 0 for every other.
func status(code json.RawMessage) int {
	n, err := strconv.Atoi(string(code))
	if err != nil || n < 400 || n > 599 {
		return 0
	}
	return n
}

// overflows recognises the ways in which servers say that the prompt is too long:
// OpenAI's code, llama.cpp's type, and the words of vLLM, SGLang and Ollama, in lower
// case.
func overflows(words, kind string) bool {
	if kind == "context_length_exceeded" || kind == "exceed_context_size_error" {
		return true
	}
	for _, sign := range []string{
		"maximum context length", "context size", "context_length_exceeded", "longer than the model's context",
		"exceeds the context", "exceeds maximum context", "exceed the model's context",
	} {
		if strings.Contains(words, sign) {
			return true
		}
	}
	return false
}

// rejectsInput recognises what is about the request although the status says 5xx, in
// lower case: llama.cpp's parser, its chat templates and grammars, and the types of
// OpenAI and vLLM in errors that came in a stream.
func rejectsInput(words, kind string) bool {
	switch kind {
	case "invalid_request_error", "BadRequestError", "not_supported_error":
		return true
	}
	for _, sign := range []string{
		"[json.exception.", "tools param requires --jinja", "jinja exception", "conversation roles must alternate",
		"failed to parse grammar", "failed to parse json schema", "json schema conversion failed", "failed to load image",
		"image input is not supported", "validation error for",
	} {
		if strings.Contains(words, sign) {
			return true
		}
	}
	return false
}

// retryAfter reads how long the server asks to wait: retry-after-ms as OpenAI and
// Azure send it, else Retry-After in seconds or as a date (RFC 9110 §10.2.3). 0 when
// it does not say or what it says makes no sense.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return boundedWait(ms / 1000)
	}
	value := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseFloat(value, 64); err == nil {
		return boundedWait(s)
	}
	if at, err := http.ParseTime(value); err == nil {
		return boundedWait(at.Sub(now).Seconds())
	}
	return 0
}

func boundedWait(seconds float64) time.Duration {
	if !(seconds > 0) { // also catches NaN
		return 0
	}
	return time.Duration(min(seconds, maxWait.Seconds()) * float64(time.Second))
}

// bounded makes a server's words fit for a log line.
func bounded(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if len(text) <= maxErrorText {
		return text
	}
	return strings.ToValidUTF8(text[:maxErrorText], "") + "..."
}
