package discord

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// Options configure a Server. Token is required; the zero value of the rest is a server without
// limits on the wall clock.
type Options struct {
	// Token is the bot's; without "Bot " before it.
	Token string
	// ApplicationID is the application's id. Default: "100".
	ApplicationID string
	// BotID is the bot user's id. Default: that of the application, as for bots of today.
	BotID string
	// BotName is the bot user's name. Default: "parley".
	BotName string
	// Now is the clock for dates, limits and expiry. Nil means time.Now. Waiting always takes
	// real time.
	Now func() time.Time
	// Limits switch flood control on.
	Limits Limits
	// Heartbeat is the interval the gateway asks for. Zero means 41.25 s, as the real one.
	Heartbeat time.Duration
	// NoMessageContent takes the privileged intent MESSAGE_CONTENT from the bot: asking for it
	// ends the connection with 4014.
	NoMessageContent bool
	// RequiredShards ends a connection with 4011 that is one of fewer; it is also what is
	// recommended. Zero means 1.
	RequiredShards int
	// RepeatInteractions is the pause after which an interaction is delivered again that its
	// endpoint did not take; zero delivers each once, as the real service.
	RepeatInteractions time.Duration
	// AnswerWithin is how long an interaction waits for its first answer; zero means three
	// seconds, as on the real service.
	AnswerWithin time.Duration
	// Transport carries interactions. Nil dials the endpoint.
	Transport http.RoundTripper
	// MaxMessages bounds the messages kept per channel. Zero means 2,000.
	MaxMessages int
	// MaxCalls bounds the transcript of calls. Zero means 10,000.
	MaxCalls int
	// MaxEvents bounds the gateway events kept for a resume, and the events kept for Events. Zero
	// means 10,000.
	MaxEvents int
	// MaxFileBytes bounds the bytes of all files together; the oldest are forgotten first. Zero
	// means 64 MiB.
	MaxFileBytes int
}

func (o Options) withDefaults() Options {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&o.ApplicationID, "100")
	def(&o.BotID, o.ApplicationID)
	def(&o.BotName, "parley")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.AnswerWithin <= 0 {
		o.AnswerWithin = answerWithin
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = 41250 * time.Millisecond
	}
	if o.MaxMessages <= 0 {
		o.MaxMessages = 2000
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = 10000
	}
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = 64 << 20
	}
	if o.MaxEvents <= 0 {
		o.MaxEvents = 10000
	}
	return o
}

// Server is Discord in memory. All methods are safe for concurrent use.
type Server struct {
	*simulators.Transcript[Event, Call]

	opts Options
	mux  *http.ServeMux
	key  ed25519.PrivateKey
	bot  User

	mu       sync.Mutex
	lastID   uint64
	users    map[string]*User
	guilds   map[string]*guild
	channels map[string]*room
	commands []Command
	nonces   map[string]nonce
	files    map[string][]byte
	fileIDs  []string
	// fileBytes counts the bytes of all files.
	fileBytes int
	endpoint  string
	asked     map[string]*interaction // by token
	askedBy   []string
	lanes     map[string][]*interaction
	gate      gateway
	limits    limiter

	feed   *simulators.Feed[Event, Call]
	faults *simulators.Script[Fault]
	hooks  *http.Client

	ctx  context.Context //nolint:containedctx // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// guild is a server of people.
type guild struct {
	id, name string
	members  map[string]bool
	botRole  string
}

// room is a channel with what was said in it.
type room struct {
	Channel
	messages []*Message // oldest first; deleted ones are gone
}

// nonce remembers the message that had one.
type nonce struct {
	message *Message
	at      time.Time
}

const epoch = 1420070400000

const (
	hookConnections = 16
	hookTimeout     = 10 * time.Second
)

// New makes a server. It serves nothing by itself: mount it in an http.Server, or call ServeHTTP.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness: nothing will work
	}
	name := opts.BotName
	feed := simulators.NewFeed[Event, Call](opts.MaxEvents, opts.MaxCalls)
	s := &Server{
		Transcript: feed.Transcript,
		opts:       opts, key: key, ctx: ctx, stop: stop,
		bot:   User{ID: opts.BotID, Username: name, Discriminator: "0000", Bot: true},
		users: map[string]*User{}, guilds: map[string]*guild{}, channels: map[string]*room{},
		nonces: map[string]nonce{}, files: map[string][]byte{}, asked: map[string]*interaction{}, lanes: map[string][]*interaction{},
		feed: feed, faults: simulators.NewScript[Fault](feed),
		hooks: simulators.HookClient(opts.Transport, hookConnections, hookTimeout),
	}
	s.gate.sessions = map[string]*session{}
	s.gate.conns = map[*conn]struct{}{}
	s.users[s.bot.ID] = &s.bot
	s.mux = http.NewServeMux()
	s.routes()
	return s
}

// Close ends gateway connections, deliveries and delayed calls, and returns when all are gone.
func (s *Server) Close() {
	s.stop()
	s.DropSockets()
	s.wg.Wait()
	s.hooks.CloseIdleConnections()
	s.feed.Close()
}

// PublicKey is the key that interactions are signed with, in hexadecimal.
func (s *Server) PublicKey() string {
	public, _ := s.key.Public().(ed25519.PublicKey) // always one
	return hex.EncodeToString(public)
}

// Sign gives the headers of a call with this body at this time.
func (s *Server) Sign(body []byte, at time.Time) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("X-Signature-Timestamp", stamp)
	h.Set("X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(s.key, append([]byte(stamp), body...))))
	return h
}

// ServeHTTP answers the API, the gateway and file downloads.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// id draws a snowflake; the caller holds mu.
func (s *Server) id() string {
	n := uint64(max(s.opts.Now().UnixMilli()-epoch, 0)) << 22
	s.lastID = max(n, s.lastID+1)
	return strconv.FormatUint(s.lastID, 10)
}
