package openaichat

import (
	"context"
	"errors"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
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
	// Kind is what server it is; empty to find out (Probe, Discover).
	Kind models.Kind
	// Overrides are what is known better than the server tells of its model.
	Overrides models.Overrides
	// FirstContent bounds the wait for the first generated token, counted from the
	// call: headers, role chunks and comments do not count. It also bounds a whole answer
	// of vectors. 0 means models.DefaultFirstContent.
	FirstContent time.Duration
	// Idle bounds the wait between two chunks after that; 0 means models.DefaultIdle.
	Idle time.Duration
	// Transcribe bounds a whole transcription; 0 means models.DefaultTotal.
	Transcribe time.Duration
	// MaxLine bounds one line and one event of the stream, and a plain answer, in
	// bytes; 0 means 4 MiB.
	MaxLine int
	// MaxAudio bounds a recording in bytes; 0 means 25 MiB, the default limit of vLLM
	// (VLLM_MAX_AUDIO_CLIP_FILESIZE_MB) and OpenAI.
	MaxAudio int64
}

// Client is one model server. It is safe for concurrent use, and immutable but for what
// the server last told of itself (Probe, Models, Discover).
type Client struct {
	base, root         *url.URL
	chatURL            string
	key                secret.String
	http               *http.Client
	worker             string
	given              models.Kind
	overrides          models.Overrides
	firstContent, idle time.Duration
	transcribe         time.Duration
	maxLine            int
	maxAudio           int64
	redact             redactor

	told atomic.Pointer[told]
	// noVerbose is true once the server refused the verbose form of a transcript.
	noVerbose atomic.Bool
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
		base: base, root: rootOf(base), chatURL: base.JoinPath("chat", "completions").String(),
		key: o.Key, worker: o.Worker, given: o.Kind, overrides: o.Overrides, redact: newRedactor(o.Key, base),
		firstContent: positive(o.FirstContent, models.DefaultFirstContent), idle: positive(o.Idle, models.DefaultIdle),
		transcribe: positive(o.Transcribe, models.DefaultTotal), maxLine: positive(o.MaxLine, defaultMaxLine),
		maxAudio: positive(o.MaxAudio, defaultMaxAudio),
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

func positive[T int | int64 | time.Duration](n, fallback T) T {
	if n <= 0 {
		return fallback
	}
	return n
}

// rootOf is the address of what a server offers beside the protocol: /health, /metrics.
func rootOf(base *url.URL) *url.URL {
	root := *base
	root.Path = strings.TrimSuffix(strings.TrimSuffix(base.Path, "/"), "/v1")
	root.RawPath = ""
	return &root
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
// Permanent (with public words when the prompt is too long); a refused key, a model that
// is not there and money that is gone are NeedsHuman; 429 is RateLimited; everything else
// may heal and is Retryable. models.Blame tells whether it counts against the worker.
// They wrap ErrLoading, ErrNoModel, ErrOverflow, ErrWrongModel, ErrBadCall and
// ErrNoContinue of package models where it is one of these.
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
			yield(models.Delta{}, c.ended(ctx, inner, "chat", err))
		}
	}
}

// String names the worker. The address and the key are kept from printing.
func (c *Client) String() string { return "openaichat " + c.worker }

// GoString is String: %#v would print what the fields hold.
func (c *Client) GoString() string { return c.String() }

// ended gives the reason for which a call failed: the caller's end before our own
// deadlines, those before what the transport made of it.
func (c *Client) ended(outer, inner context.Context, op string, err error) error {
	var known *fault.Error
	switch cause := context.Cause(inner); {
	case outer.Err() != nil:
		return fault.New(fault.Retryable, op, models.Blamed(models.BlameNobody, context.Cause(outer)))
	case errors.Is(cause, errFirstContent), errors.Is(cause, errIdle):
		return fault.New(fault.Retryable, op, cause)
	case errors.As(err, &known):
		return err
	default:
		return fault.New(fault.Retryable, op, c.redact.err(err))
	}
}
