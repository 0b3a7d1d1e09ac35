package whatsapp

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/parley-hub/parley/simulators"
)

// Limits are the flood limits of the server. Zero switches a limit off.
type Limits struct {
	// PerSecond bounds what one number sends in all chats together (error 130429).
	PerSecond int
	// PairEvery is the time between two messages of one number to one person (error
	// 131056), PairBurst how many may come at once; zero means one.
	PairEvery time.Duration
	PairBurst int
}

// Options configure a Server. The zero value is a server without flood limits on the wall clock.
type Options struct {
	// Now is the clock for dates, limits, expiry and the 24-hour window. Nil means
	// time.Now. Waiting (webhook retries, delays) always takes real time.
	Now func() time.Time
	// Limits switch flood control on.
	Limits Limits
	// LateWindow takes a free text outside the 24-hour window and tells by a failed
	// status that it was not delivered, instead of refusing it.
	LateWindow bool
	// NoStatuses sends no statuses by itself; Report does.
	NoStatuses bool
	// HookRetryBase is the pause before a webhook call is repeated; each further one
	// doubles it up to a minute. Zero means one second.
	HookRetryBase time.Duration
	// HookBatch is how many changes one webhook call carries at most. Zero means one.
	HookBatch int
	// HookTransport carries webhook calls. Nil dials the address.
	HookTransport http.RoundTripper
	// Log receives diagnostics; nil discards them. It never sees tokens or texts.
	Log *slog.Logger
	// MaxMessages bounds the messages kept per chat. Zero means 2,000.
	MaxMessages int
	// MaxCalls and MaxEvents bound the transcript and the events. Zero means 10,000.
	MaxCalls, MaxEvents int
	// MaxPending bounds the notifications of one number that wait for the webhook; the
	// oldest chat's newest are not queued beyond it. Zero means 100,000.
	MaxPending int
	// MaxFileBytes bounds the bytes of all files together. Zero means 128 MiB.
	MaxFileBytes int64
	// FirstID is what the numbers in ids of messages and files begin behind. A server that
	// forgot what it gave out sets it so that none comes again.
	FirstID int64
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HookRetryBase <= 0 {
		o.HookRetryBase = time.Second
	}
	o.HookBatch = min(max(o.HookBatch, 1), maxBatch)
	for _, f := range []struct {
		field *int
		or    int
	}{{&o.MaxMessages, 2000}, {&o.MaxCalls, 10000}, {&o.MaxEvents, 10000}, {&o.MaxPending, 100000}} {
		if *f.field <= 0 {
			*f.field = f.or
		}
	}
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = 128 << 20
	}
	return o
}

// Server is a Cloud API server in memory. All methods are safe for concurrent use.
type Server struct {
	*simulators.Transcript[Event, Call]

	opts  Options
	hooks *http.Client

	mu      sync.Mutex
	numbers map[string]*number
	order   []*number
	people  map[string]Person
	serial  int64

	feed   *simulators.Feed[Event, Call]
	faults *simulators.Script[Fault]
	files  fileStore

	ctx  context.Context //nolint:containedctx // ends with Close: webhook calls and held calls hang on it
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// New starts a server. It serves nothing by itself: mount it in an http.Server.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	feed := simulators.NewFeed[Event, Call](opts.MaxEvents, opts.MaxCalls)
	return &Server{
		Transcript: feed.Transcript,
		opts:       opts,
		hooks:      simulators.HookClient(opts.HookTransport, hookConnections, hookTimeout),
		numbers:    map[string]*number{},
		people:     map[string]Person{},
		serial:     opts.FirstID,
		feed:       feed,
		faults:     simulators.NewScript[Fault](feed),
		files:      fileStore{max: opts.MaxFileBytes, last: opts.FirstID, byID: map[string]*file{}, links: map[string]link{}},
		ctx:        ctx,
		stop:       stop,
	}
}

// Close ends webhook calls and held calls, and returns when all are gone.
func (s *Server) Close() {
	s.mu.Lock()
	s.stop()
	for _, n := range s.order {
		n.hook.stopTimers()
	}
	s.mu.Unlock()
	s.wg.Wait()
	s.hooks.CloseIdleConnections()
	s.feed.Close()
}

// request is one API call on its way through the server.
type request struct {
	http   *http.Request
	number *number // whose token came with it
	// endpoint is "phone", "messages", "typing", "media", "media_info" or "download".
	endpoint string
	id       string // the phone number or the media in the path
	body     []byte
	send     *sendRequest
	at       time.Time
}

// maxBody bounds a JSON body; uploads have a bound of their own.
const maxBody = 1 << 20

var versionShape = regexp.MustCompile(`^v[0-9]+\.[0-9]+$`)

// ServeHTTP answers API calls and downloads.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := &request{http: r, at: s.opts.Now()}
	err := s.route(w, req)
	if err == nil {
		err = s.authorize(req)
	}
	if err != nil {
		s.answer(w, outcome{err: err})
		return
	}
	o := s.execute(req)
	s.record(req, o)
	s.answer(w, o)
}

// route finds the endpoint and reads the body.
func (s *Server) route(w http.ResponseWriter, req *request) *apiError {
	parts := strings.Split(strings.Trim(req.http.URL.Path, "/"), "/")
	verb := req.http.Method
	switch {
	case len(parts) == 2 && parts[0] == "download" && verb == http.MethodGet:
		req.endpoint, req.id = "download", parts[1]
		return nil
	case len(parts) < 2 || len(parts) > 3 || !versionShape.MatchString(parts[0]):
		return unknownPath(req.http)
	}
	req.id = parts[1]
	switch tail := strings.Join(parts[2:], ""); {
	case tail == "messages" && verb == http.MethodPost:
		req.endpoint = "messages"
		body, err := io.ReadAll(http.MaxBytesReader(w, req.http.Body, maxBody))
		if err != nil {
			return badParameter("the body cannot be read")
		}
		req.body = body
		return req.decode()
	case tail == "media" && verb == http.MethodPost:
		req.endpoint = "media"
		req.http.Body = http.MaxBytesReader(w, req.http.Body, maxUpload)
	case tail == "" && (verb == http.MethodGet || verb == http.MethodDelete):
		req.endpoint = "media_info"
		s.mu.Lock()
		if s.numbers[req.id] != nil {
			req.endpoint = "phone"
		}
		s.mu.Unlock()
	default:
		return unknownPath(req.http)
	}
	return nil
}

// authorize finds whose token it is, and that the number in the path is theirs.
func (s *Server) authorize(req *request) *apiError {
	token, ok := strings.CutPrefix(req.http.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.order {
		if ok && n.Token == token {
			req.number = n
			if n.ID == req.id {
				return nil
			}
		}
	}
	switch {
	case req.number == nil:
		return &apiError{status: http.StatusUnauthorized, code: 190, message: "Invalid OAuth access token - Cannot parse access token"}
	case req.endpoint == "media_info" || req.endpoint == "download":
		return nil
	default:
		return &apiError{status: http.StatusBadRequest, code: 100, message: "Unsupported request. Object with ID '" + req.id + "' does not exist, cannot be loaded due to missing permissions, or does not support this operation"}
	}
}

// outcome is what became of a call: a result, an error, or a fault that replaces the answer.
type outcome struct {
	result any
	data   []byte // a file instead of a result
	err    *apiError
	cut    bool // drop the connection instead of answering
	html   bool // answer as a broken gateway instead
	fault  FaultKind
}

// execute runs a call through faults, limits and its endpoint.
func (s *Server) execute(req *request) outcome {
	f := s.take(req.endpoint, req.number.ID, req.person())
	if f != nil {
		if o, final := s.applyFault(f); final {
			return o
		}
	}
	var o outcome
	switch req.endpoint {
	case "messages":
		o.result, o.err = s.sendMessage(req, f)
	case "typing":
		o.result, o.err = s.markRead(req)
	case "phone":
		o.result = map[string]any{
			"id": req.number.ID, "display_phone_number": req.number.Display, "verified_name": req.number.Name,
			"quality_rating": "GREEN",
		}
	case "media":
		o.result, o.err = s.upload(req)
	case "media_info":
		o.result, o.err = s.mediaInfo(req, f)
	case "download":
		o.data, o.err = s.download(req, f)
	}
	if f != nil {
		o.fault = f.Fault.Kind
		o.cut = f.Fault.Kind == FaultDropAfter
	}
	return o
}

const badGatewayPage = "<!DOCTYPE html><html><head><title>Error</title></head><body>Sorry, something went wrong.</body></html>"

func (s *Server) answer(w http.ResponseWriter, o outcome) {
	switch {
	case o.cut:
		simulators.Cut()
	case o.html:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusBadGateway)
		s.wrote(io.WriteString(w, badGatewayPage))
	case o.err != nil:
		o.err.write(s, w)
	case o.data != nil:
		w.Header().Set("Content-Type", "application/octet-stream")
		s.wrote(w.Write(o.data))
	default:
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		s.wrote(w.Write(simulators.JSON(o.result)))
	}
}

// wrote notes a failed write. The client went away; there is nobody else to tell.
func (s *Server) wrote(_ int, err error) {
	if err != nil {
		s.opts.Log.Debug("answer not written", "error", err)
	}
}
