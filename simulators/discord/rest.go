package discord

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// maxRequest bounds the body of one call.
const maxRequest = 32 << 20

// call is one REST call on its way through the server.
type call struct {
	s       *Server
	r       *http.Request
	name    string
	channel string
	at      time.Time
	body    []byte
	status  int
	code    int
	fault   FaultKind
}

// refusal is an answer that says no.
type refusal struct {
	status, code int
	message      string
	errors       any
}

func (r *refusal) Error() string { return r.message }

func refuse(status, code int, message string) error {
	return &refusal{status: status, code: code, message: message}
}

// invalid is the refusal of a form, with what is wrong with one field of it.
func invalid(field, code, message string) error {
	inner := any(map[string]any{"_errors": []map[string]string{{"code": code, "message": message}}})
	parts := strings.Split(field, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		inner = map[string]any{parts[i]: inner}
	}
	return &refusal{http.StatusBadRequest, 50035, "Invalid Form Body", inner}
}

// The refusals of https://docs.discord.com/developers/topics/opcodes-and-status-codes#json.
var (
	errUnauthorized   = refuse(http.StatusUnauthorized, 0, "401: Unauthorized")
	errNotFound       = refuse(http.StatusNotFound, 0, "404: Not Found")
	errUnknownChannel = refuse(http.StatusNotFound, 10003, "Unknown Channel")
	errUnknownMessage = refuse(http.StatusNotFound, 10008, "Unknown Message")
	errUnknownUser    = refuse(http.StatusNotFound, 10013, "Unknown User")
	errUnknownWebhook = refuse(http.StatusNotFound, 10015, "Unknown Webhook")
	errUnknownAsked   = refuse(http.StatusNotFound, 10062, "Unknown interaction")
	errMissingAccess  = refuse(http.StatusForbidden, 50001, "Missing Access")
	errNotAuthor      = refuse(http.StatusForbidden, 50005, "Cannot edit a message authored by another user")
	errEmpty          = refuse(http.StatusBadRequest, 50006, "Cannot send an empty message")
	errBadToken       = refuse(http.StatusUnauthorized, 50027, "Invalid Webhook Token")
	errNotJSON        = refuse(http.StatusBadRequest, 50109, "The request body contains invalid JSON.")
	errAnswered       = refuse(http.StatusBadRequest, 40060, "Interaction has already been acknowledged.")
)

// handler answers a call: a result, nil for 204, or an error.
type handler func(c *call) (any, error)

// routes mounts the API under both versions.
func (s *Server) routes() {
	for _, version := range []string{"v9", "v10"} {
		base := "/api/" + version
		on := func(pattern, name string, open bool, h handler) {
			verb, path, _ := strings.Cut(pattern, " ")
			s.mux.HandleFunc(verb+" "+base+path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, name, open, h) })
		}
		on("GET /gateway", "gateway", true, s.gatewayURL)
		on("GET /gateway/bot", "gateway_bot", false, s.gatewayURL)
		on("GET /users/@me", "me", false, func(*call) (any, error) { return s.bot, nil })
		on("GET /applications/@me", "application", false, s.application)
		on("GET /oauth2/applications/@me", "application", false, s.application)
		on("POST /users/@me/channels", "open_dm", false, s.openDM)
		on("GET /channels/{channel}", "channel", false, s.getChannel)
		on("POST /channels/{channel}/typing", "typing", false, s.typing)
		on("GET /channels/{channel}/messages", "list_messages", false, s.listMessages)
		on("POST /channels/{channel}/messages", "create_message", false, s.createMessage)
		on("GET /channels/{channel}/messages/{message}", "get_message", false, s.getMessage)
		on("PATCH /channels/{channel}/messages/{message}", "edit_message", false, s.editMessage)
		on("DELETE /channels/{channel}/messages/{message}", "delete_message", false, s.deleteMessage)
		on("PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me", "react", false, s.reactAsBot)
		on("GET /applications/{application}/commands", "list_commands", false, s.listCommands)
		on("PUT /applications/{application}/commands", "set_commands", false, s.setCommands)
		on("POST /interactions/{interaction}/{token}/callback", "callback", true, s.callback)
		on("POST /webhooks/{application}/{token}", "webhook_create", true, s.followUp)
		on("GET /webhooks/{application}/{token}/messages/{message}", "webhook_get", true, s.webhookGet)
		on("PATCH /webhooks/{application}/{token}/messages/{message}", "webhook_edit", true, s.webhookEdit)
		on("DELETE /webhooks/{application}/{token}/messages/{message}", "webhook_delete", true, s.webhookDelete)
	}
	s.mux.HandleFunc("GET /gateway/", s.serveGateway)
	s.mux.HandleFunc("GET /attachments/{channel}/{file}/{name}", s.serveFile)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, r.Method+" "+r.URL.Path, true, func(*call) (any, error) { return nil, errNotFound })
	})
}

// serve takes a call through authorization, faults, limits and its handler.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, name string, open bool, h handler) {
	c := &call{s: s, r: r, name: name, channel: r.PathValue("channel"), at: s.opts.Now()}
	defer func() {
		s.feed.Record(func(seq int64) Call {
			return Call{
				Seq: seq, At: c.at, Name: c.name, Channel: c.channel, Status: c.status, Code: c.code, Fault: c.fault,
				Body: simulators.Shorten(string(c.body)),
			}
		})
	}()
	if !strings.HasPrefix(r.UserAgent(), "DiscordBot (") { // https://docs.discord.com/developers/reference#user-agent
		c.page(w, http.StatusForbidden)
		return
	}
	if !open && r.Header.Get("Authorization") != "Bot "+s.opts.Token {
		c.result(w, nil, errUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		c.result(w, nil, refuse(http.StatusRequestEntityTooLarge, 40005, "Request entity too large"))
		return
	}
	c.body = body
	f := s.faults.Take(func(f Fault) bool {
		return f.Kind.onCalls() && (f.Call == "" || f.Call == name) && (f.Channel == "" || f.Channel == c.channel)
	})
	if f != nil {
		c.fault = f.Fault.Kind
		if c.before(w, f) {
			return
		}
	}
	if !s.limit(w, c) {
		return
	}
	result, err := h(c)
	if f != nil && c.after(w, f.Fault) {
		return
	}
	c.result(w, result, err)
}

// before applies a fault that keeps the call from being executed. It tells whether it was answered.
func (c *call) before(w http.ResponseWriter, h *FaultHandle) bool {
	f := h.Fault
	switch f.Kind {
	case FaultRateLimit:
		scope, wait := f.Scope, f.RetryAfter
		if scope == "" {
			scope = "user"
		}
		if wait == 0 {
			wait = 1
		}
		c.tooMany(w, scope, wait)
	case FaultBlocked:
		w.Header().Set("Retry-After", fmt.Sprintf("%.0f", max(f.RetryAfter, 1)))
		c.page(w, http.StatusTooManyRequests)
	case FaultUnavailable:
		c.page(w, http.StatusServiceUnavailable)
	case FaultError:
		c.result(w, nil, refuse(f.Status, f.Code, f.Message))
	case FaultDropBefore:
		simulators.Cut()
	case FaultDelay:
		if !h.Hold(c.s.ctx, f.Delay) {
			c.page(w, http.StatusServiceUnavailable)
			return true
		}
		return false
	default:
		return false
	}
	return true
}

// after applies a fault that replaces the answer.
func (c *call) after(w http.ResponseWriter, f Fault) bool {
	switch f.Kind {
	case FaultDropAfter:
		simulators.Cut()
	case FaultErrorAfter:
		status := f.Status
		if status == 0 {
			status = http.StatusInternalServerError
		}
		c.result(w, nil, refuse(status, 0, http.StatusText(status)))
	default:
		return false
	}
	return true
}

// result answers a call.
func (c *call) result(w http.ResponseWriter, v any, err error) {
	var no *refusal
	switch {
	case errors.As(err, &no):
		c.code = no.code
		body := map[string]any{"message": no.message, "code": no.code}
		if no.errors != nil {
			body["errors"] = no.errors
		}
		c.json(w, no.status, body)
	case err != nil:
		c.json(w, http.StatusInternalServerError, map[string]any{"message": err.Error(), "code": 0})
	case v == nil:
		c.status = http.StatusNoContent
		w.WriteHeader(c.status)
	default:
		c.json(w, http.StatusOK, v)
	}
}

func (c *call) json(w http.ResponseWriter, status int, v any) {
	c.status = status
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(simulators.JSON(v)) // a client that left needs no answer
}

func (c *call) page(w http.ResponseWriter, status int) {
	c.status = status
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<html><head><title>%d</title></head><body>%s</body></html>", status, http.StatusText(status))
}

// decode reads the JSON of a call.
func (c *call) decode(v any) error {
	dec := json.NewDecoder(bytes.NewReader(c.body))
	if err := dec.Decode(v); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return invalid(wrong.Field, "BASE_TYPE_BAD_TYPE", "Not of the right type.")
		}
		return errNotJSON
	}
	return nil
}

func (s *Server) gatewayURL(c *call) (any, error) {
	scheme := "ws"
	if c.r.TLS != nil {
		scheme = "wss"
	}
	out := map[string]any{"url": scheme + "://" + c.r.Host + "/gateway/"}
	if c.name == "gateway_bot" {
		out["shards"] = max(s.opts.RequiredShards, 1)
		out["session_start_limit"] = map[string]int{
			"total": 1000, "remaining": 999, "reset_after": 86400000, "max_concurrency": max(s.opts.Limits.MaxConcurrency, 1),
		}
	}
	return out, nil
}

func (s *Server) application(*call) (any, error) {
	return map[string]any{
		"id": s.opts.ApplicationID, "name": s.bot.Username, "description": "", "icon": nil, "verify_key": s.PublicKey(), "bot": s.bot,
		"bot_public": true, "bot_require_code_grant": false, "flags": 0,
	}, nil
}

func (s *Server) openDM(c *call) (any, error) {
	var in struct {
		Recipient string `json:"recipient_id"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	known := s.users[in.Recipient] != nil && in.Recipient != s.bot.ID
	s.mu.Unlock()
	if !known {
		return nil, errUnknownUser
	}
	id := s.OpenDM(in.Recipient)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.channels[id].Channel, nil
}

// room finds a channel; the caller holds mu.
func (s *Server) room(id string) (*room, error) {
	r := s.channels[id]
	if r == nil {
		return nil, errUnknownChannel
	}
	if g := s.guilds[r.GuildID]; r.GuildID != "" && (g == nil || !g.members[s.bot.ID]) {
		return nil, errMissingAccess
	}
	return r, nil
}

func (s *Server) getChannel(c *call) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.room(c.channel)
	if err != nil {
		return nil, err
	}
	return r.Channel, nil
}

func (s *Server) typing(c *call) (any, error) {
	s.mu.Lock()
	_, err := s.room(c.channel)
	s.mu.Unlock()
	if err == nil {
		s.publish(Event{Kind: EventTyping, At: c.at, Channel: c.channel})
	}
	return nil, err
}

func (s *Server) listCommands(*call) (any, error) { return s.Commands(), nil }
