package openaiapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
)

// DefaultMaxBody bounds a request where Options does not: a recording of 25 MB, which
// is what OpenAI takes, and what is around it.
const DefaultMaxBody = 32 << 20

// Key is one program that may ask.
type Key struct {
	// Name is who pays, in metrics and in the log.
	Name   string
	Secret secret.String
	// Models are the pools that it may use; none means all.
	Models []string
	// Band says how long its requests can wait, Role whose budget they share; empty for none.
	Band models.Band
	Role string
}

// Options is what an API is made from.
type Options struct {
	Registry *models.Registry
	Keys     []Key
	// MaxBody bounds a request's body in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// Dir is where recordings lie while they are heard; empty for the system's folder of
	// temporary files.
	Dir string
	// Observer sees each request's end as one core.StageAPI; nil for nobody.
	Observer core.Observer
	Log      zerolog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// API is the endpoint: an http.Handler for everything below /v1. It is safe for
// concurrent use.
type API struct {
	o       Options
	keys    []digested
	started time.Time
}

// digested is a key whose secret is compared by its digest: digests are of one length,
// and what a comparison's time tells of one tells nothing of the secret.
type digested struct {
	Key
	digest [sha256.Size]byte
}

// New makes an API.
func New(o Options) *API {
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Observer == nil {
		o.Observer = core.ObserverFunc(func(core.Event) {})
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &API{o: o, started: o.Now()}
	for _, k := range o.Keys {
		a.keys = append(a.keys, digested{k, sha256.Sum256([]byte(k.Secret.Reveal()))})
	}
	return a
}

// keyOf finds whose key a request carries. All keys are compared, whichever matches.
func (a *API) keyOf(r *http.Request) (found Key, ok bool) {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	digest := sha256.Sum256([]byte(strings.TrimSpace(given)))
	for _, k := range a.keys {
		if subtle.ConstantTimeCompare(digest[:], k.digest[:]) == 1 {
			found, ok = k.Key, true
		}
	}
	return found, ok && strings.EqualFold(scheme, "Bearer") && !found.Secret.IsZero()
}

// call is one request on its way.
type call struct {
	api   *API
	w     http.ResponseWriter
	r     *http.Request
	out   *http.ResponseController
	key   Key
	id    core.TraceID
	began time.Time
	// model is the pool that is asked, once it is known.
	model string
	// shown is true when a byte of a stream was written: from then on it cannot be taken
	// back, and its status is said. A pool may ask from any goroutine.
	shown atomic.Bool
}

// ServeHTTP answers a request. The path is the whole one, with /v1.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{api: a, w: w, r: r, out: http.NewResponseController(w), id: core.NewTraceID(), began: a.o.Now()}
	h := w.Header()
	h.Set("X-Request-Id", string(c.id))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	err := c.serve()
	if err != nil {
		c.fail(err)
	}
	_ = c.out.SetWriteDeadline(time.Time{}) // it would outlive the request
	c.observe(err)
	if err != nil && c.shown.Load() {
		panic(http.ErrAbortHandler) // a stream's end that looks like none
	}
}

func (c *call) serve() error {
	var ok bool
	if c.key, ok = c.api.keyOf(c.r); !ok {
		c.w.Header().Set("WWW-Authenticate", "Bearer")
		return &failure{
			status: http.StatusUnauthorized, kind: kindRequest, code: "invalid_api_key",
			text: "The API key is missing or wrong. Send it as Authorization: Bearer KEY.",
		}
	}
	path := c.r.URL.Path
	id, isModel := strings.CutPrefix(path, "/v1/models/")
	method := http.MethodPost
	var handle func() error
	switch {
	case path == "/v1/chat/completions":
		handle = c.chat
	case path == "/v1/embeddings":
		handle = c.embed
	case path == "/v1/audio/transcriptions":
		handle = c.transcribe
	case path == "/v1/models":
		method, handle = http.MethodGet, c.listModels
	case isModel:
		method, handle = http.MethodGet, func() error { return c.showModel(id) }
	default:
		return &failure{status: http.StatusNotFound, kind: kindRequest, code: "unknown_url", text: "There is nothing at this address."}
	}
	if c.r.Method != method {
		c.w.Header().Set("Allow", method)
		return &failure{status: http.StatusMethodNotAllowed, kind: kindRequest, code: "method_not_allowed", text: "This address is for " + method + "."}
	}
	return handle()
}

// fail answers with the error object, or ends a stream with it.
func (c *call) fail(err error) {
	f := failureOf(err, c.id)
	event := c.api.o.Log.Debug()
	if f.status >= http.StatusInternalServerError && c.r.Context().Err() == nil {
		event = c.api.o.Log.Warn()
	}
	event.Err(err).Str("request", string(c.id)).Str("key", c.key.Name).Str("model", c.model).
		Int("status", f.status).Bool("begun", c.shown.Load()).Msg("an API request failed")
	if c.shown.Load() {
		_ = c.write(append(f.append([]byte("data: ")), "\n\n"...)) // whoever left is not told
		return
	}
	if f.wait > 0 {
		c.w.Header().Set("Retry-After", f.retryAfter())
	}
	c.answer(f.status, f.append(nil))
}

// answer writes a whole JSON answer.
func (c *call) answer(status int, body []byte) {
	c.w.Header().Set("Content-Type", "application/json")
	c.send(status, append(body, '\n'))
}

func (c *call) send(status int, body []byte) {
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_ = c.write(body) // whoever left is not told
}

func (c *call) observe(err error) {
	now := c.api.o.Now()
	if f, own := err.(*failure); own && f.cause == nil { //nolint:errorlint // its own mistake, not one that wraps a worker's fault
		err = fault.New(fault.Permanent, "api", f)
	}
	c.api.o.Observer.Observe(core.Event{
		Stage: core.StageAPI, Trace: c.id, At: now, Took: now.Sub(c.began), Account: core.Account(c.key.Name), Model: c.model, Err: err,
	})
}

// ids are the models that the key may use.
func (c *call) ids() []string {
	return slices.DeleteFunc(c.api.o.Registry.Names(), func(name string) bool {
		return len(c.key.Models) > 0 && !slices.Contains(c.key.Models, name)
	})
}

// pick finds the pool: that of the header, else the one asked for in the body, else the
// key's, else the hub's default.
func (c *call) pick(asked string) (models.Client, error) {
	if header := c.r.Header.Get("X-Model-Id"); header != "" {
		asked = header
	}
	choice, ok := c.api.o.Registry.Choose(models.Wish{Named: asked, Account: c.key.Name})
	ids := c.ids()
	if asked == "" {
		asked = choice.Pool
	}
	if !ok || !slices.Contains(ids, asked) {
		return nil, noModel(asked, ids)
	}
	c.model = asked
	c.w.Header().Set("X-Model-ID", asked)
	return choice.Client, nil
}

// maxEcho bounds how much of an unknown model's name is repeated.
const maxEcho = 64

func noModel(asked string, ids []string) error {
	if len(asked) > maxEcho {
		asked = strings.ToValidUTF8(asked[:maxEcho], "") + "..."
	}
	text := "There is no model '" + asked + "'. There are: " + strings.Join(ids, ", ") + "."
	if len(ids) == 0 {
		text = "There is no model '" + asked + "': no model worker is connected to this hub."
	}
	return &failure{status: http.StatusNotFound, kind: kindRequest, code: codeNoModel, text: text}
}

// cannot says that a pool does not do what is asked for.
func cannot(model, what string) error {
	return &failure{status: http.StatusNotFound, kind: kindRequest, code: codeNoModel, text: "The model '" + model + "' " + what + "."}
}
