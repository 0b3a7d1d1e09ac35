package telegram

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// Limits are the flood limits of the server. Zero switches a limit off.
type Limits struct {
	// PerSecond bounds what one bot sends or edits in all chats together.
	PerSecond int `json:"per_second"`
	// PerChatPerSecond bounds what one bot sends or edits in one chat.
	PerChatPerSecond int `json:"per_chat_per_second"`
	// GroupPerMinute bounds what one bot sends or edits in one group or supergroup.
	GroupPerMinute int `json:"group_per_minute"`
	// SetWebhook allows one setWebhook per second and bot.
	SetWebhook bool `json:"set_webhook"`
}

// Options configure a Server. The zero value is a server without limits on the wall clock.
type Options struct {
	// Now is the clock for dates, limits and expiry. Nil means time.Now. Waiting (long polls,
	// webhook retries, delays) always takes real time.
	Now func() time.Time
	// Limits switch flood control on.
	Limits Limits
	// Control serves the control API under /control/. It has no authentication: leave it off
	// wherever strangers can reach the port.
	Control bool
	// Log receives diagnostics; nil discards them. It never sees tokens or message texts.
	Log *slog.Logger
	// WebhookRetryBase is the pause before the second retry of a webhook delivery; each further
	// one doubles it up to a minute. Zero means one second.
	WebhookRetryBase time.Duration
	// WebhookTransport carries webhook deliveries. Nil dials the registered address.
	WebhookTransport http.RoundTripper
	// RequireHTTPS refuses webhook URLs that are not https, as the public server does.
	RequireHTTPS bool
	// SlowRepeatedPolls makes a poll that repeats its offset within three seconds wait up to
	// three seconds, as the public server does.
	SlowRepeatedPolls bool
	// MaxMessages bounds the messages kept per chat. Zero means 2,000.
	MaxMessages int
	// MaxCalls bounds the transcript of calls. Zero means 10,000.
	MaxCalls int
	// MaxEvents bounds the events kept for Events. Zero means 4,096.
	MaxEvents int
	// MaxFileBytes bounds the bytes of all files together; the oldest are forgotten first. Zero
	// means 128 MiB.
	MaxFileBytes int64
	// FirstMessageID is what message ids in every chat, and the ids of button presses, begin
	// behind; zero means 1 is the first. A server that forgot its chats sets it so that no id is
	// given out a second time.
	FirstMessageID int64
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.WebhookRetryBase <= 0 {
		o.WebhookRetryBase = time.Second
	}
	if o.MaxMessages <= 0 {
		o.MaxMessages = 2000
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = 10000
	}
	if o.MaxEvents <= 0 {
		o.MaxEvents = 4096
	}
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = 128 << 20
	}
	return o
}

// Server is a Bot API server in memory. All methods are safe for concurrent use.
//
// Locks are taken in this order: chat.mu, Server.mu, bot.mu, then one of the leaf locks (feed,
// faults, files, limiter).
type Server struct {
	*simulators.Transcript[Event, Call]

	opts    Options
	methods map[string]method
	control http.Handler
	hooks   *http.Client

	mu     sync.RWMutex
	tokens map[string]*bot
	bots   map[int64]*bot
	order  []*bot
	users  map[int64]*person
	chats  map[chatKey]*chat

	feed   *simulators.Feed[Event, Call]
	faults *simulators.Script[Fault]
	files  fileStore

	ctx  context.Context // ends with Close: webhook deliveries and waiting calls hang on it
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// New starts a server. It serves nothing by itself: mount it in an http.Server, or call ServeHTTP.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	feed := simulators.NewFeed[Event, Call](opts.MaxEvents, opts.MaxCalls)
	s := &Server{
		Transcript: feed.Transcript,
		opts:       opts,
		methods:    methodTable(),
		hooks:      simulators.HookClient(opts.WebhookTransport, maxConnections, hookTimeout),
		tokens:     map[string]*bot{},
		bots:       map[int64]*bot{},
		users:      map[int64]*person{},
		chats:      map[chatKey]*chat{},
		feed:       feed,
		faults:     simulators.NewScript[Fault](feed),
		files:      fileStore{max: opts.MaxFileBytes, byID: map[string]*file{}, byPath: map[string]*file{}},
		ctx:        ctx,
		stop:       stop,
	}
	if opts.Control {
		s.control = s.controlHandler()
	}
	return s
}

// Close ends webhook deliveries, waiting polls and delayed calls, and returns when all are gone.
// Later calls are answered as by a server that restarts.
func (s *Server) Close() {
	s.stop()
	s.mu.RLock()
	bots := s.order
	s.mu.RUnlock()
	for _, b := range bots {
		b.mu.Lock()
		b.dropHook()
		b.mu.Unlock()
	}
	s.wg.Wait()
	s.hooks.CloseIdleConnections()
	s.feed.Close()
}

// ServeHTTP answers Bot API calls, file downloads and, if switched on, the control API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/bot"):
		token, name, ok := strings.Cut(path[len("/bot"):], "/")
		if ok && token != "" && name != "" && !strings.Contains(name, "/") {
			s.serveMethod(w, r, token, name)
			return
		}
	case strings.HasPrefix(path, "/file/bot"):
		token, name, ok := strings.Cut(path[len("/file/bot"):], "/")
		if ok && token != "" && name != "" {
			s.serveFile(w, token, name)
			return
		}
	case s.control != nil && strings.HasPrefix(path, "/control/"):
		s.control.ServeHTTP(w, r)
		return
	}
	writeError(w, errNotFound)
}

// call is one Bot API call on its way through the server.
type call struct {
	ctx    context.Context
	bot    *bot
	name   string // as the table of methods spells it: lower case
	params params
	chat   int64 // the chat_id of the call, zero when it has none
	at     time.Time
}

// method answers one call. Its result is encoded as JSON, unless it is a raw already.
type method func(*Server, *call) (any, error)

func (s *Server) serveMethod(w http.ResponseWriter, r *http.Request, token, name string) {
	s.mu.RLock()
	b := s.tokens[token]
	s.mu.RUnlock()
	if b == nil {
		writeError(w, errUnauthorized)
		return
	}
	if s.ctx.Err() != nil {
		writeError(w, errRestart)
		return
	}
	p, err := readParams(w, r)
	if err != nil {
		writeError(w, err)
		return
	}
	c := &call{ctx: r.Context(), bot: b, name: strings.ToLower(name), params: p, at: s.opts.Now()}
	c.chat = p.int64("chat_id")
	o := s.execute(c)
	s.record(c, name, o)
	s.answer(w, o)
}

// outcome is what became of a call: a result, an error, or a fault that replaces the answer.
type outcome struct {
	result any
	err    error
	cut    bool // drop the connection instead of answering
	html   bool // answer as a broken gateway instead
	fault  FaultKind
}

// execute runs a call through faults, limits and its method.
func (s *Server) execute(c *call) outcome {
	f := s.take(c.name, c.bot.user.ID, c.chat)
	if f != nil {
		if o, final := s.applyFault(f); final {
			return o
		}
	}
	o := outcome{}
	if err := s.limit(c); err != nil {
		o.err = err
	} else if m, ok := s.methods[c.name]; ok {
		o.result, o.err = m(s, c)
	} else if knownMethods[c.name] {
		o.result = true
	} else {
		o.err = errNotFound
	}
	if f != nil {
		o.fault = f.Fault.Kind
		o.cut = f.Fault.Kind == FaultDropAfter
	}
	return o
}

func (s *Server) answer(w http.ResponseWriter, o outcome) {
	switch {
	case o.cut:
		simulators.Cut()
	case o.html:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		s.wrote(io.WriteString(w, badGatewayPage))
	case o.err != nil:
		writeError(w, o.err)
	default:
		s.wrote(0, writeResult(w, o.result))
	}
}

// wrote notes a failed write. The client went away; there is nobody else to tell.
func (s *Server) wrote(_ int, err error) {
	if err != nil {
		s.opts.Log.Debug("answer not written", "error", err)
	}
}
