package whatsapp

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/parley-hub/parley/simulators"
)

// apiError is an answer that is a refusal. What its codes mean stands in
// https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes.
type apiError struct {
	status     int
	code       int
	message    string
	details    string
	retryAfter int
}

func (e *apiError) body() map[string]any {
	body := map[string]any{
		"message": fmt.Sprintf("(#%d) %s", e.code, e.message), "type": "OAuthException", "code": e.code,
		"fbtrace_id": "AbCdEfGhIjKlMnOpQrStUvW",
	}
	if e.details != "" {
		body["error_data"] = map[string]any{"messaging_product": "whatsapp", "details": e.details}
	}
	return map[string]any{"error": body}
}

func (e *apiError) write(s *Server, w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=UTF-8")
	if e.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	if e.code == 190 {
		h.Set("WWW-Authenticate", `OAuth "Facebook Platform" "invalid_token"`)
	}
	w.WriteHeader(e.status)
	s.wrote(w.Write(simulators.JSON(e.body())))
}

func badParameter(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: 100, message: "Invalid parameter", details: fmt.Sprintf(format, args...)}
}

func badValue(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: 131009, message: "Parameter value is not valid", details: fmt.Sprintf(format, args...)}
}

func missing(name string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: 131008, message: "Required parameter is missing", details: "Parameter '" + name + "' is mandatory"}
}

func unknownPath(r *http.Request) *apiError {
	return &apiError{status: http.StatusNotFound, code: 2500, message: "Unknown path components: " + r.URL.Path}
}
