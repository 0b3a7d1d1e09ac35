package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// maxBody bounds the body of a call.
const maxBody = 4 << 20

// apiError is an answer with ok false.
type apiError struct {
	code string
	// needed is the scope that is missing.
	needed string
	detail string
	// retry makes it a 429 with so many seconds to wait; negative without them.
	retry int
}

func (e *apiError) Error() string { return e.code }

func refuse(code string) error { return &apiError{code: code} }

// call is one call of the Web API on its way through the server.
type call struct {
	method  string
	params  map[string]string
	channel string
	at      time.Time
	base    string // of this server, as the caller knows it
	plain   bool   // it is answered in words
	scopes  string // of the token
}

// method answers a call with the fields of its answer. Server.mu is held.
type method struct {
	do    func(*Server, *call) (args, error)
	scope string // that the app must have
	app   bool   // it wants the app-level token
}

func (s *Server) serveMethod(w http.ResponseWriter, r *http.Request, name string) {
	c := &call{method: name, at: s.opts.Now(), base: "http://" + r.Host}
	if r.TLS != nil {
		c.base = "https://" + r.Host
	}
	params, err := readParams(w, r)
	c.params = params
	c.channel = params["channel"]
	if c.channel == "" {
		c.channel = params["channel_id"]
	}
	given := bearer(r)
	if given == "" && r.URL.Query().Get("token") == "" { // tokens in addresses are refused
		given = params["token"]
	}
	delete(params, "token")
	if c.scopes = s.granted(given); c.scopes != "" {
		w.Header().Set(scopesHeader, c.scopes)
	}
	if err == nil {
		err = s.authorize(name, given)
	}
	if err != nil {
		s.finish(w, c, outcome{err: err})
		return
	}
	s.finish(w, c, s.execute(c, func() (args, error) { return s.run(c) }))
}

func bearer(r *http.Request) string {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	return token
}

// authorize checks the token of a call.
func (s *Server) authorize(name, given string) error {
	m := s.methods[name]
	app := s.opts.App
	switch {
	case given == "":
		return refuse("not_authed")
	case given != app.BotToken && given != app.AppToken:
		return refuse("invalid_auth")
	case m.app != (given == app.AppToken):
		return refuse("not_allowed_token_type")
	case m.scope != "" && !s.may(m.scope):
		return &apiError{code: "missing_scope", needed: m.scope}
	}
	return nil
}

// readParams takes arguments from a form or a JSON object.
func readParams(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	params := map[string]string{}
	add := func(values url.Values) {
		for k := range values {
			params[k] = values.Get(k)
		}
	}
	add(r.URL.Query())
	if r.Method == http.MethodGet {
		return params, nil
	}
	if r.Method != http.MethodPost {
		return params, refuse("invalid_post_type")
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return params, refuse("request_timeout")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case len(data) == 0:
		return params, nil
	case err != nil:
		return params, refuse("missing_post_type")
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(data))
		if err != nil {
			return params, refuse("invalid_form_data")
		}
		add(form)
	case kind == "application/json":
		var object map[string]json.RawMessage
		if trimmed := strings.TrimSpace(string(data)); trimmed == "null" {
			return params, nil
		}
		if json.Unmarshal(data, &object) != nil {
			return params, refuse("invalid_json")
		}
		for k, raw := range object {
			var text string
			if json.Unmarshal(raw, &text) != nil {
				text = string(raw)
			}
			params[k] = text
		}
	default:
		return params, refuse("invalid_post_type")
	}
	return params, nil
}

// outcome is what became of a call: an answer, an error, or a fault in its place.
type outcome struct {
	answer args
	err    error
	cut    bool
	page   int // the status of a page in place of an answer
	fault  FaultKind
}

// execute runs a call through faults; do is the call itself.
func (s *Server) execute(c *call, do func() (args, error)) (o outcome) {
	f := s.takeCall(c.method, c.channel)
	if f != nil {
		o.fault = f.Fault.Kind
		switch o.fault {
		case FaultTooManyRequests:
			o.err = &apiError{code: "ratelimited", retry: orOne(f.Fault.RetryAfter)}
			return o
		case FaultServerError:
			o.page = http.StatusServiceUnavailable
			return o
		case FaultError:
			o.err = &apiError{code: f.Fault.Error, needed: f.Fault.Needed}
			return o
		case FaultDropBefore:
			o.cut = true
			return o
		case FaultDelay:
			if !f.Hold(s.ctx, f.Fault.Delay) {
				o.err = refuse("service_unavailable")
				return o
			}
		}
	}
	if s.ctx.Err() != nil {
		o.err = refuse("service_unavailable")
		return o
	}
	o.answer, o.err = do()
	if f != nil {
		o.cut = o.fault == FaultDropAfter
		if o.fault == FaultServerErrorAfter {
			o.page = http.StatusInternalServerError
		}
	}
	return o
}

func orOne(n int) int {
	if n == 0 {
		return 1
	}
	return n
}

func (s *Server) run(c *call) (args, error) {
	m, ok := s.methods[c.method]
	if !ok {
		return nil, refuse("unknown_method")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = c.base
	if m.do == nil {
		return args{}, nil
	}
	if err := s.limit(c); err != nil {
		return nil, err
	}
	return m.do(s, c)
}

// finish records a call and answers it.
func (s *Server) finish(w http.ResponseWriter, c *call, o outcome) {
	rec := Call{At: c.at, Method: c.method, Channel: c.channel, OK: o.err == nil && o.answer != nil, Fault: o.fault, Params: simulators.ShortenAll(c.params)}
	if o.err != nil {
		rec.Error = o.err.Error()
	}
	s.feed.Record(func(seq int64) Call { rec.Seq = seq; return rec })
	switch {
	case o.cut:
		simulators.Cut()
		return
	case o.page != 0:
		s.writePage(w, o.page)
		return
	}
	status, answer := http.StatusOK, o.answer
	var no *apiError
	switch {
	case errors.As(o.err, &no):
		answer = args{"ok": false, "error": no.code}
		if no.needed != "" {
			answer["needed"], answer["provided"] = no.needed, c.scopes
		}
		if no.detail != "" {
			answer["response_metadata"] = args{"messages": []string{no.detail}}
		}
		if no.retry != 0 {
			status = http.StatusTooManyRequests
		}
		if no.retry > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(no.retry))
		}
	case o.err != nil:
		answer = args{"ok": false, "error": "fatal_error"}
	default:
		answer["ok"] = true
	}
	if c.plain {
		s.writePlain(w, status, answer)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	s.wrote(w.Write(simulators.JSON(answer)))
}

// writePlain answers an upload or an answer to an interaction: the public platform gives
// words, and another status than 200 when it failed.
func (s *Server) writePlain(w http.ResponseWriter, status int, answer args) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if code, failed := answer["error"]; failed {
		if status == http.StatusOK {
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
		s.wrote(fmt.Fprint(w, code))
		return
	}
	if size, upload := answer["size"]; upload {
		s.wrote(fmt.Fprint(w, "OK - ", size))
		return
	}
	s.wrote(fmt.Fprint(w, "ok"))
}
