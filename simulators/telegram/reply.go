package telegram

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// apiError is a refusal in the Bot API's own words.
type apiError struct {
	code       int
	text       string
	retryAfter int   // seconds; only with 429
	migrateTo  int64 // only for groups that became supergroups
}

func (e *apiError) Error() string { return e.text }

var (
	errNotFound     = &apiError{code: http.StatusNotFound, text: "Not Found"}
	errUnauthorized = &apiError{code: http.StatusUnauthorized, text: "Unauthorized"}
	errRestart      = &apiError{code: http.StatusInternalServerError, text: "Internal Server Error: restart"}
)

func badRequest(text string) *apiError {
	return &apiError{code: http.StatusBadRequest, text: "Bad Request: " + text}
}

func forbidden(text string) *apiError {
	return &apiError{code: http.StatusForbidden, text: "Forbidden: " + text}
}

func tooMany(seconds int) *apiError {
	return &apiError{
		code:       http.StatusTooManyRequests,
		text:       "Too Many Requests: retry after " + strconv.Itoa(seconds),
		retryAfter: seconds,
	}
}

const badGatewayPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n" +
	"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n"

// described is a result that travels with a description, as setWebhook's does.
type described struct {
	result any
	text   string
}

type parameters struct {
	RetryAfter      int   `json:"retry_after,omitempty"`
	MigrateToChatID int64 `json:"migrate_to_chat_id,omitempty"`
}

type envelope struct {
	OK          bool        `json:"ok"`
	Result      any         `json:"result,omitempty"`
	ErrorCode   int         `json:"error_code,omitempty"`
	Description string      `json:"description,omitempty"`
	Parameters  *parameters `json:"parameters,omitempty"`
}

// raw is a result that is JSON already.
type raw []byte

func writeResult(w http.ResponseWriter, result any) error {
	var body bytes.Buffer
	if r, ok := result.(raw); ok {
		body.Grow(len(r) + 24)
		body.WriteString(`{"ok":true,"result":`)
		body.Write(r)
		body.WriteByte('}')
	} else {
		env := envelope{OK: true, Result: result}
		if d, ok := result.(described); ok {
			env.Result, env.Description = d.result, d.text
		}
		if err := encode(&body, env); err != nil {
			return fmt.Errorf("encode result: %w", err)
		}
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(body.Bytes()); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

func writeError(w http.ResponseWriter, err error) {
	var api *apiError
	if !errors.As(err, &api) {
		api = badRequest(err.Error())
	}
	env := envelope{ErrorCode: api.code, Description: api.text}
	h := w.Header()
	if api.retryAfter > 0 || api.migrateTo != 0 {
		env.Parameters = &parameters{RetryAfter: api.retryAfter, MigrateToChatID: api.migrateTo}
	}
	if api.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(api.retryAfter))
	}
	var body bytes.Buffer
	if encode(&body, env) != nil {
		return // an envelope of strings and numbers always encodes
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(api.code)
	_, _ = w.Write(body.Bytes()) // a client that left needs no answer
}

// encode writes v as JSON without the HTML escapes, which the public server does not use either.
func encode(buf *bytes.Buffer, v any) error {
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	buf.Truncate(buf.Len() - 1) // the encoder's newline
	return nil
}

// jsonOf encodes what always encodes: the wire types of this package.
func jsonOf(v any) []byte {
	var buf bytes.Buffer
	if err := encode(&buf, v); err != nil {
		return []byte("null")
	}
	return buf.Bytes()
}

// rawOf keeps a JSON text as a field, unless it is empty.
func rawOf(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}
