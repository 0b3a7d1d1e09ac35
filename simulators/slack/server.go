package slack

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

// App is the app that the workspace has installed.
type App struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	BotToken      string `json:"bot_token"`
	AppToken      string `json:"app_token"`
	SigningSecret string `json:"signing_secret"`
	// UserID and BotID are the bot as a user and as a bot.
	UserID string `json:"user_id"`
	BotID  string `json:"bot_id"`
	// Scopes are those of the bot token. Nil means ManifestScopes.
	Scopes []string `json:"scopes,omitempty"`
	// Lacking are scopes that the app does not have all the same, of either token.
	Lacking []string `json:"lacking,omitempty"`
}

// Options configure a Server. The zero value is a workspace with an app of made-up
// tokens and without rate limits.
type Options struct {
	// App replaces the made-up app where its fields are set.
	App App
	// Team is the workspace's id. Empty means T0SIM.
	Team string
	// Now is the clock for timestamps, signatures, limits and expiry. Nil means time.Now.
	// Waiting always takes real time.
	Now func() time.Time
	// PerChannel is how many messages may be posted per second in one channel, and Burst
	// how many at once; zero switches the limit off.
	PerChannel int
	Burst      int
	// Tiers switches the limits of the methods' tiers on.
	Tiers bool
	// RetryDelays are the waits before each try after the first. Nil means the public
	// schedule: none, a minute, five minutes.
	RetryDelays []time.Duration
	// RetryForever repeats the last delay instead of dropping what was not acknowledged.
	RetryForever bool
	// AckTimeout is how long an acknowledgement may take. Zero means three seconds.
	AckTimeout time.Duration
	// Unordered sends each delivery by itself.
	Unordered bool
	// PingEvery is the time between pings of a websocket. Zero means five seconds,
	// negative that there are none.
	PingEvery time.Duration
	// BaseURL is where the server is reached, for the addresses in what it delivers. Empty
	// means the host of the last call.
	BaseURL string
	// Control serves the control API under /control/. It has no authentication.
	Control bool
	// Transport carries deliveries over HTTP. Nil dials the request URL.
	Transport http.RoundTripper
	// Log receives diagnostics; nil discards them. It sees neither tokens nor texts.
	Log *slog.Logger
	// MaxMessages bounds the messages kept per channel (zero: 2,000), MaxCalls the
	// transcript (10,000), MaxEvents the events kept (4,096), MaxQueued the deliveries
	// that wait (100,000), MaxFileBytes the bytes of all files together (64 MiB).
	MaxMessages, MaxCalls, MaxEvents, MaxQueued int
	MaxFileBytes                                int
	// FirstID is what the numbers in ids begin behind: of files, events, presses and
	// commands. A server that forgot what it gave out sets it so that none comes again.
	FirstID int64
}

func (o Options) withDefaults() Options {
	set := func(s *string, to string) {
		if *s == "" {
			*s = to
		}
	}
	atLeast := func(n *int, to int) {
		if *n <= 0 {
			*n = to
		}
	}
	set(&o.Team, "T0SIM")
	set(&o.App.ID, "A0PARLEY")
	set(&o.App.Name, "parley")
	set(&o.App.BotToken, "xoxb-simulated-bot")
	set(&o.App.AppToken, "xapp-simulated-app")
	set(&o.App.SigningSecret, "simulated-signing-secret")
	set(&o.App.UserID, "U0PARLEY")
	set(&o.App.BotID, "B0PARLEY")
	if o.App.Scopes == nil {
		o.App.Scopes = ManifestScopes()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.RetryDelays == nil {
		o.RetryDelays = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	if o.AckTimeout <= 0 {
		o.AckTimeout = 3 * time.Second
	}
	if o.PingEvery == 0 {
		o.PingEvery = 5 * time.Second
	}
	atLeast(&o.Burst, 1)
	atLeast(&o.MaxMessages, 2000)
	atLeast(&o.MaxCalls, 10000)
	atLeast(&o.MaxEvents, 4096)
	atLeast(&o.MaxQueued, 100000)
	atLeast(&o.MaxFileBytes, 64<<20)
	return o
}

// Server is a workspace in memory. All methods are safe for concurrent use.
//
// Locks are taken in this order: Server.mu, then one of the leaf locks (feed, faults,
// outbox, hub).
type Server struct {
	*simulators.Transcript[Event, Call]

	opts    Options
	methods map[string]method
	control http.Handler
	hooks   *http.Client

	mu        sync.Mutex
	users     map[string]User
	channels  map[string]*channel
	files     fileStore
	uploads   map[string]*uploadURL
	tiers     map[string]*bucket // by method
	responses map[string]*responseURL
	order     []string // of responses, oldest first
	lastTS    int64    // in microseconds
	serial    int64
	base      string // where the server was last reached

	feed   *simulators.Feed[Event, Call]
	faults *simulators.Script[Fault]
	outbox outbox
	hub    hub

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// New starts a server. It serves nothing by itself: mount it in an http.Server.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	feed := simulators.NewFeed[Event, Call](opts.MaxEvents, opts.MaxCalls)
	s := &Server{
		Transcript: feed.Transcript,
		opts:       opts, methods: methodTable(), users: map[string]User{}, channels: map[string]*channel{},
		responses: map[string]*responseURL{}, uploads: map[string]*uploadURL{}, tiers: map[string]*bucket{}, files: fileStore{max: opts.MaxFileBytes, byID: map[string]*storedFile{}},
		feed: feed, faults: simulators.NewScript[Fault](feed), ctx: ctx, stop: stop, serial: opts.FirstID,
		hooks: simulators.HookClient(opts.Transport, maxHookCalls, 0), // a delivery has its own limit
	}
	s.outbox = outbox{lanes: map[string]*lane{}, room: make(chan struct{}, maxHookCalls), changed: make(chan struct{})}
	s.hub = hub{tickets: map[string]bool{}, all: map[*conn]bool{}, waiting: map[string]*pending{}}
	s.users[opts.App.UserID] = User{ID: opts.App.UserID, Name: opts.App.Name, Bot: true}
	if opts.Control {
		s.control = s.controlHandler()
	}
	return s
}

// Close ends deliveries, websockets and delayed calls, and returns when all are gone.
func (s *Server) Close() {
	s.stop()
	s.outbox.mu.Lock()   // what is being queued is queued before, or not at all
	s.outbox.mu.Unlock() //nolint:staticcheck // see above
	s.hub.closeAll()
	s.wg.Wait()
	s.hooks.CloseIdleConnections()
	s.feed.Close()
}

// ServeHTTP answers calls of the Web API, uploads, downloads, response URLs, websockets and, if
// switched on, the control API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/api/"):
		s.serveMethod(w, r, strings.TrimPrefix(path, "/api/"))
	case strings.HasPrefix(path, "/files/"):
		s.serveFile(w, r)
	case strings.HasPrefix(path, "/upload/v1/"):
		s.serveUpload(w, r)
	case strings.HasPrefix(path, "/response/"):
		s.serveResponse(w, r)
	case path == "/socket":
		s.serveSocket(w, r)
	case s.control != nil && strings.HasPrefix(path, "/control/"):
		s.control.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}

// self is the address of this server. Server.mu is held.
func (s *Server) self() string {
	if s.opts.BaseURL != "" {
		return strings.TrimRight(s.opts.BaseURL, "/")
	}
	return s.base
}

// wrote notes a failed write. The client went away; there is nobody else to tell.
func (s *Server) wrote(_ int, err error) {
	if err != nil {
		s.opts.Log.Debug("answer not written", "error", err)
	}
}

const badGatewayPage = "<html><body><h1>Server Error!</h1></body></html>\n"

func (s *Server) writePage(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	s.wrote(io.WriteString(w, badGatewayPage))
}
