package discord

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

const (
	// callTimeout bounds one call.
	callTimeout = 30 * time.Second
	// maxAnswer bounds what is read of one answer; a hundred messages have less.
	maxAnswer = 8 << 20
)

var errShape = errors.New("the result has another shape than the documented one")

// api makes calls with one token. It repeats nothing.
type api struct {
	account string
	token   secret.String
	base    *url.URL
	session *discordgo.Session
	http    *http.Client
	// close gives back idle connections of a client nobody else uses.
	close func()
}

func newAPI(account string, c *Config, client *http.Client) (*api, error) {
	base, err := url.Parse(strings.TrimRight(c.APIURL, "/"))
	if err != nil {
		return nil, err
	}
	own, release := transport.NewClient(client, callTimeout)
	if own.Transport == nil {
		own.Transport = http.DefaultTransport
	}
	session, err := discordgo.New("Bot " + c.Token.Reveal())
	if err != nil {
		return nil, err
	}
	session.LogLevel = -1 // below its lowest: it would print to the standard logger
	dialer := *session.Dialer
	dialer.HandshakeTimeout = helloWithin
	session.Dialer = &dialer
	return &api{account: account, token: c.Token, base: base, session: session, http: own, close: release}, nil
}

// request is one call.
type request struct {
	// op names the call in errors.
	op, method, url string
	// body is sent as JSON, form as it is; nil for none.
	body any
	form *transport.Form
	// leaves is true for calls that leave or change a message.
	leaves bool
}

// call makes one call and decodes its result into result (nil to ignore it). The
// error is a fault.
func (a *api) call(ctx context.Context, r request, result any) error {
	limit := callTimeout
	if r.form != nil {
		limit += adapters.FileTime(r.form.Size)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	record := &recorder{base: a.base, next: a.http.Transport}
	client := *a.http
	client.Transport = record
	var body []byte
	var err error
	if r.form != nil {
		body, err = a.carry(record.trace.Follow(ctx), r, &client)
	} else {
		body, err = a.plain(record.trace.Follow(ctx), r, &client)
	}
	var known *fault.Error
	switch {
	case errors.As(err, &known):
		return known
	case err != nil && r.form != nil && r.form.Err() != nil:
		return r.form.Err()
	case err != nil:
		return a.answer(ctx, r, record, body, err).fault(a.account)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(body, result); err != nil {
		return answer{op: r.op, status: record.status, leaves: r.leaves, sent: true, cause: errShape}.fault(a.account)
	}
	return nil
}

// plain makes a call through discordgo.
func (a *api) plain(ctx context.Context, r request, client *http.Client) ([]byte, error) {
	var data []byte
	if r.body != nil {
		var err error
		if data, err = json.Marshal(r.body); err != nil {
			return nil, permanent(r.op, "the request has no JSON form: %w", err)
		}
	}
	// A limiter of its own: the one of the session makes calls wait without heeding
	// their context.
	bucket := discordgo.NewRatelimiter().LockBucket(r.op)
	return a.session.RequestWithLockedBucket(r.method, r.url, "application/json", data, bucket, 0,
		discordgo.WithClient(client), discordgo.WithRetryOnRatelimit(false), discordgo.WithRestRetries(0),
		func(cfg *discordgo.RequestConfig) { cfg.Request = cfg.Request.WithContext(ctx) })
}

// answer sorts out what became of a call that failed.
func (a *api) answer(ctx context.Context, r request, record *recorder, body []byte, err error) answer {
	out := answer{op: r.op, leaves: r.leaves, status: record.status, sent: record.sent(ctx)}
	if r.form != nil && record.status == 0 && !r.form.Whole() {
		out.sent = false
	}
	if record.status != 0 {
		out.wait = headerSeconds(record.header, "Retry-After")
		out.scope = record.header.Get("X-RateLimit-Scope")
		out.global = record.header.Get("X-RateLimit-Global") != ""
	}
	var said struct {
		Code       int             `json:"code"`
		Message    string          `json:"message"`
		RetryAfter float64         `json:"retry_after"`
		Global     bool            `json:"global"`
		Errors     json.RawMessage `json:"errors"`
	}
	if record.status >= http.StatusBadRequest && json.Unmarshal(body, &said) == nil && said.Message != "" {
		out.spoke, out.code = true, said.Code
		out.message = a.redact(said.Message)
		if len(said.Errors) > 0 {
			out.message += " " + cut(a.redact(string(said.Errors)), 500)
		}
		if w := seconds(said.RetryAfter); w > 0 {
			out.wait = w
		}
		out.global = out.global || said.Global
		return out
	}
	out.cause = a.clean(ctx, err)
	return out
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// clean makes an error that names no token.
func (a *api) clean(ctx context.Context, err error) error {
	var syntax *json.SyntaxError
	notJSON := errors.As(err, &syntax)
	return transport.Clean(ctx, err, func(words string) string {
		words = cut(a.redact(words), 500) // in this order: half a token would not be found
		if notJSON || strings.HasPrefix(words, "HTTP ") || strings.Contains(words, "<html") {
			return "the answer is not JSON"
		}
		return words
	})
}

func (a *api) redact(text string) string { return a.token.Redact(text) }

// recorder is the transport of one call: it sends it to the configured address and
// keeps what discordgo forgets.
type recorder struct {
	base   *url.URL
	next   http.RoundTripper
	status int
	header http.Header
	trace  transport.Trace
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.URL.Scheme, out.URL.Host, out.Host = r.base.Scheme, r.base.Host, ""
	out.URL.Path = r.base.Path + out.URL.Path
	if out.URL.RawPath != "" {
		out.URL.RawPath = r.base.EscapedPath() + out.URL.RawPath
	}
	resp, err := r.next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	r.status, r.header = resp.StatusCode, resp.Header
	resp.Body = transport.Bounded(resp.Body, maxAnswer)
	return resp, nil
}

// sent tells whether the server may have the whole request.
func (r *recorder) sent(ctx context.Context) bool { return r.status != 0 || r.trace.Sent(ctx) }
