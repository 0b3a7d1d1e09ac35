package openaichat

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
)

const (
	defaultMaxLine = 4 << 20
	// maxAnswer bounds one whole response; 64 MiB is hours of tokens.
	maxAnswer = 64 << 20
	// connectTimeout survives one lost SYN, which is repeated after a second.
	connectTimeout = 2 * time.Second
	// closingTime is how long a finished answer waits for its usage, and how long a
	// used connection may take to become reusable.
	closingTime = 2 * time.Second
	reuseTime   = 100 * time.Millisecond
)

// The causes for which the client itself ends a request.
var (
	errFirstContent = errors.New("no content in time")
	errIdle         = errors.New("the stream stalled")
	errClosing      = errors.New("closing")
)

// Options is what a client is made from.
type Options struct {
	// Base is the URL below which /chat/completions and /models lie, as in
	// https://api.openai.com/v1. Without any path it means /v1; a lone "/" means none.
	Base string
	// Key is sent as a bearer token; empty for none.
	Key secret.String
	// HTTP makes the calls; its Timeout and CheckRedirect are not used. Nil means one
	// of its own.
	HTTP *http.Client
	// Worker is the name given in the last delta.
	Worker string
	// FirstContent bounds the wait for the first generated token, counted from the
	// call: headers, role chunks and comments do not count. 0 means
	// models.DefaultFirstContent.
	FirstContent time.Duration
	// Idle bounds the wait between two chunks after that; 0 means models.DefaultIdle.
	Idle time.Duration
	// MaxLine bounds one line and one event of the stream, and a plain answer, in
	// bytes; 0 means 4 MiB.
	MaxLine int
}

// Client is one model server. It is immutable and safe for concurrent use.
type Client struct {
	chatURL, modelsURL string
	key                secret.String
	http               *http.Client
	worker             string
	firstContent, idle time.Duration
	maxLine            int
	redact             redactor
}

var _ models.Client = (*Client)(nil)

// New makes a client. It makes no call. The error says what is wrong with
// Options.Base without quoting it.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.Base)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("the base URL of a model worker must be an http or https address")
	}
	if base.Path == "" {
		base.Path = "/v1"
	}
	c := &Client{
		chatURL: base.JoinPath("chat", "completions").String(), modelsURL: base.JoinPath("models").String(),
		key: o.Key, worker: o.Worker, firstContent: o.FirstContent, idle: o.Idle, maxLine: o.MaxLine,
		redact: newRedactor(o.Key, base),
	}
	if c.firstContent <= 0 {
		c.firstContent = models.DefaultFirstContent
	}
	if c.idle <= 0 {
		c.idle = models.DefaultIdle
	}
	if c.maxLine <= 0 {
		c.maxLine = defaultMaxLine
	}
	c.http = &http.Client{CheckRedirect: stayHere}
	if o.HTTP != nil {
		c.http.Transport, c.http.Jar = o.HTTP.Transport, o.HTTP.Jar
	}
	if c.http.Transport == nil {
		c.http.Transport = newTransport()
	}
	return c, nil
}

// stayHere keeps prompt and key where the operator sent them.
func stayHere(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		// A compressed stream comes in blocks instead of tokens.
		DisableCompression: true,
	}
}

// Chat streams one answer; see models.Client. Faults: what the server refuses is
// Permanent (with public words when the prompt is too long), a refused key is
// NeedsHuman, 429 is RateLimited, everything else may heal and is Retryable.
func (c *Client) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		inner, cancel := context.WithCancelCause(ctx)
		// Ending the context closes the connection, which is what tells the server to
		// stop; so every way out of the loop ends it.
		defer cancel(nil)
		s := &stream{client: c, yield: yield, cancel: cancel}
		s.deadline = time.AfterFunc(c.firstContent, s.expire)
		defer s.deadline.Stop()
		if err := s.run(inner, r); err != nil {
			yield(models.Delta{}, c.ended(ctx, inner, err))
		}
	}
}

// String names the worker. The address and the key are kept from printing.
func (c *Client) String() string { return "openaichat " + c.worker }

// GoString is String: %#v would print what the fields hold.
func (c *Client) GoString() string { return c.String() }

// ended gives the reason for which a call failed: the caller's end before our own
// deadlines, those before what the transport made of it.
func (c *Client) ended(outer, inner context.Context, err error) error {
	var known *fault.Error
	switch cause := context.Cause(inner); {
	case outer.Err() != nil:
		return fault.New(fault.Retryable, "chat", context.Cause(outer))
	case errors.Is(cause, errFirstContent), errors.Is(cause, errIdle):
		return fault.New(fault.Retryable, "chat", cause)
	case errors.As(err, &known):
		return err
	default:
		return fault.New(fault.Retryable, "chat", c.redact.err(err))
	}
}

// Models lists the ids the server serves. An answer that is no model list wraps
// models.ErrNoModelList.
func (c *Client) Models(ctx context.Context) ([]string, error) {
	req, err := c.newRequest(ctx, http.MethodGet, c.modelsURL, nil)
	if err != nil {
		return nil, fault.New(fault.Bug, "list models", c.redact.err(err))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fault.New(fault.Retryable, "list models", c.redact.err(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, c.refused("list models", resp)
	}
	ids, err := models.ReadModelList(resp.Body)
	if err != nil {
		return nil, fault.New(fault.Retryable, "list models", c.redact.err(err))
	}
	return ids, nil
}

// Probe asks the server whether it lives, by its model list. A server without
// such a list is alive too.
func (c *Client) Probe(ctx context.Context) error {
	_, err := c.Models(ctx)
	var status *statusError
	if errors.As(err, &status) && (status.code == http.StatusNotFound || status.code == http.StatusMethodNotAllowed) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}
