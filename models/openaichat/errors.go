package openaichat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
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

// errOverflow marks a prompt that is longer than the model's context.
var errOverflow = errors.New("the prompt is longer than the model's context")

// statusError is an HTTP answer that is not the one asked for.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string {
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
	words, kind := explain(body)
	text := words
	if kind != "" && !strings.Contains(words, kind) {
		text = kind + ": " + words
	}
	status := &statusError{resp.StatusCode, c.redact.text(bounded(text))}
	wait := retryAfter(resp.Header, time.Now())
	switch code := resp.StatusCode; {
	case overflows(words, kind):
		return fault.New(fault.Permanent, op, fmt.Errorf("%w: %w", errOverflow, status), fault.WithPublic(publicTooLong))
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fault.New(fault.NeedsHuman, op, status)
	case code == http.StatusTooManyRequests:
		return fault.New(fault.RateLimited, op, status, fault.WithWait(wait))
	case code == http.StatusRequestTimeout:
		return fault.New(fault.Retryable, op, status, fault.WithWait(wait))
	case code == http.StatusNotFound:
		return fault.New(fault.Permanent, op, status, fault.WithPublic(publicNoModel))
	case code < 500, code == http.StatusNotImplemented, rejectsInput(words):
		return fault.New(fault.Permanent, op, status)
	case code == http.StatusServiceUnavailable && wait == 0 && strings.Contains(strings.ToLower(words), "loading model"):
		return fault.New(fault.Retryable, op, status, fault.WithWait(loadingWait))
	default:
		return fault.New(fault.Retryable, op, status, fault.WithWait(wait))
	}
}

// explain finds the words and the kind in an error body: OpenAI and Ollama send
// {"error":{"message","type","code"}}, llama.cpp the same with a number as code,
// TGI {"error":"text","error_type"}, old vLLM {"object":"error","message"}, proxies
// a page of HTML.
func explain(body []byte) (words, kind string) {
	var outer struct {
		Error     json.RawMessage `json:"error"`
		ErrorType string          `json:"error_type"`
		Message   string          `json:"message"`
		Detail    json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(body, &outer) != nil {
		return string(body), ""
	}
	var inner struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Code    any    `json:"code"`
	}
	var text string
	switch {
	case json.Unmarshal(outer.Error, &text) == nil && text != "":
		return text, outer.ErrorType
	case json.Unmarshal(outer.Error, &inner) == nil && (inner.Message != "" || inner.Type != ""):
		if code, ok := inner.Code.(string); ok && code != "" {
			return inner.Message, code
		}
		return inner.Message, inner.Type
	case outer.Message != "":
		return outer.Message, ""
	default:
		return string(body), ""
	}
}

// overflows recognises the ways in which servers say that the prompt is too long:
// OpenAI's code, llama.cpp's type, and the words of vLLM and SGLang.
func overflows(words, kind string) bool {
	if kind == "context_length_exceeded" || kind == "exceed_context_size_error" {
		return true
	}
	words = strings.ToLower(words)
	for _, sign := range []string{"maximum context length", "context size", "context_length_exceeded", "longer than the model's context", "exceeds the context"} {
		if strings.Contains(words, sign) {
			return true
		}
	}
	return false
}

// rejectsInput recognises llama.cpp's 500 for a request it could not read.
func rejectsInput(words string) bool { return strings.HasPrefix(words, "[json.exception.") }

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

// redactor knows what must not be in an error: the key, and the user and the query
// of the address.
type redactor []secret.String

// minRedacted spares words like the 1 of ?version=1: taking those out of every
// text would hide more than it protects.
const minRedacted = 4

func newRedactor(key secret.String, base *url.URL) redactor {
	var r redactor
	add := func(value string) {
		if len(value) >= minRedacted {
			r = append(r, secret.New(value))
		}
	}
	password, _ := base.User.Password()
	rawUser, rawPassword, _ := strings.Cut(base.User.String(), ":")
	for _, value := range []string{base.User.String(), rawPassword, password, rawUser, base.User.Username(), base.RawQuery} {
		add(value)
	}
	for _, values := range base.Query() {
		for _, value := range values {
			add(value)
			add(url.QueryEscape(value))
		}
	}
	if !key.IsZero() {
		r = append(r, key)
	}
	return r
}

func (r redactor) text(text string) string {
	for _, s := range r {
		text = s.Redact(text)
	}
	return text
}

// err takes the address off a transport's error. When a secret is left in the
// words, only the cleaned words remain.
func (r redactor) err(err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	if clean := r.text(err.Error()); clean != err.Error() {
		return errors.New(clean)
	}
	return err
}
