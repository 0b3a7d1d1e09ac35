//go:build !nowhatsmeow

package web

import (
	"context"
	"crypto/ecdh"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/parley-hub/parley/simulators"
)

// Options configure a Server. The zero value is a server on the wall clock.
type Options struct {
	// Now is the clock for dates. Nil means time.Now. Delays always take real time.
	Now func() time.Time
	// Log receives diagnostics; nil discards them. It never sees keys or texts.
	Log *slog.Logger
	// NoReceipts lets phones send no delivery receipts by themselves; Read still does.
	NoReceipts bool
	// MediaHost is the host of files in what the server tells clients. Empty means
	// mmg.whatsapp.net, which clients have to be led from to this server.
	MediaHost string
	// MaxMessages bounds the messages kept per chat. Zero means 2,000.
	MaxMessages int
	// MaxCalls and MaxEvents bound the transcript and the events. Zero means 10,000.
	MaxCalls, MaxEvents int
	// MaxPending bounds the stanzas that wait for one device. Zero means 100,000.
	MaxPending int
	// MaxUpload bounds one encrypted file, in bytes. Zero means 64 MiB.
	MaxUpload int64
	// MaxFileBytes bounds the bytes of all files together; the oldest go first. Zero
	// means 128 MiB.
	MaxFileBytes int64
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MediaHost == "" {
		o.MediaHost = "mmg.whatsapp.net"
	}
	for _, f := range []struct {
		field *int
		or    int
	}{{&o.MaxMessages, 2000}, {&o.MaxCalls, 10000}, {&o.MaxEvents, 10000}, {&o.MaxPending, 100000}} {
		if *f.field <= 0 {
			*f.field = f.or
		}
	}
	if o.MaxUpload <= 0 {
		o.MaxUpload = 64 << 20
	}
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = 128 << 20
	}
	return o
}

// Server is WhatsApp in memory, as linked devices see it. All methods are safe for
// concurrent use.
type Server struct {
	*simulators.Transcript[Event, Call]

	opts         Options
	static       *ecdh.PrivateKey
	certificates []byte

	mu       sync.Mutex
	accounts map[string]*account // by number
	hidden   map[string]*account // by hidden id
	numbers  []*account          // those that may link devices
	groups   map[string]*group
	chats    map[chatKey]*chat
	refs     map[string]*conn // of QR codes, to who shows them
	conns    map[*conn]struct{}
	files    files
	closed   bool

	feed   *simulators.Feed[Event, Call]
	faults *simulators.Script[Fault]

	ctx  context.Context //nolint:containedctx // ends with Close: connections and held stanzas hang on it
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// New starts a server. It serves nothing by itself: mount it in an http.Server. It panics
// when the machine has no randomness.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	static, err := newStatic()
	if err != nil {
		panic(err)
	}
	certificates, err := certify(static.PublicKey(), opts.Now())
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	feed := simulators.NewFeed[Event, Call](opts.MaxEvents, opts.MaxCalls)
	return &Server{
		Transcript: feed.Transcript,
		opts:       opts, static: static, certificates: certificates,
		accounts: map[string]*account{}, hidden: map[string]*account{}, groups: map[string]*group{},
		chats: map[chatKey]*chat{}, refs: map[string]*conn{}, conns: map[*conn]struct{}{},
		files: newFiles(opts.MaxFileBytes),
		feed:  feed, faults: simulators.NewScript[Fault](feed),
		ctx: ctx, stop: stop,
	}
}

// Close cuts all connections and returns when all are gone.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.stop()
	for c := range s.conns {
		c.cut()
	}
	s.mu.Unlock()
	s.wg.Wait()
	s.feed.Close()
}

// AddNumber adds an account whose phone can link devices. One that is there changes its names.
func (s *Server) AddNumber(n Number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.add(n.Phone, n.LID, n.Name)
	if !slices.Contains(s.numbers, a) {
		s.numbers = append(s.numbers, a)
	}
}

// AddPerson adds somebody with a phone. One that is there changes their names.
func (s *Server) AddPerson(p Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(p.Phone, p.LID, p.Name).byLID = p.ByLID
}

// add makes an account, or renames it. Server.mu is held.
func (s *Server) add(number, lid, name string) *account {
	if lid == "" {
		lid = "1000" + number
	}
	if a := s.accounts[number]; a != nil {
		delete(s.hidden, a.lid)
		a.lid, a.name, s.hidden[lid] = lid, name, a
		return a
	}
	p, err := newPhone()
	if err != nil {
		panic(err) // no randomness
	}
	a := &account{phoneNumber: number, lid: lid, name: name, phone: p, devices: map[uint16]*device{}, sent: map[string]outgoing{}}
	s.accounts[number], s.hidden[lid] = a, a
	return a
}

var (
	errNoNumber  = errors.New("whatsapp web simulator: no such number")
	errNoPerson  = errors.New("whatsapp web simulator: no such person")
	errNoGroup   = errors.New("whatsapp web simulator: no such group")
	errNoMessage = errors.New("whatsapp web simulator: no such message in this chat")
)

// number finds an account that may link devices; "" is the only one. Server.mu is held.
func (s *Server) number(phone string) (*account, error) {
	if phone == "" && len(s.numbers) == 1 {
		return s.numbers[0], nil
	}
	for _, a := range s.numbers {
		if a.phoneNumber == phone {
			return a, nil
		}
	}
	return nil, errNoNumber
}

// ErrClosed is returned by Wait when the server was closed.
var ErrClosed = simulators.ErrClosed

// socketPath is where clients connect.
const socketPath = "/ws/chat"

// ServeHTTP upgrades connections of clients, and takes and gives files.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == socketPath:
		s.connect(w, r)
	case strings.HasPrefix(r.URL.Path, uploadPath):
		s.upload(w, r)
	case strings.HasPrefix(r.URL.Path, downloadPath):
		s.download(w, r)
	default:
		http.NotFound(w, r)
	}
}

// upgrader takes every origin: the token of trust is the noise handshake.
var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// connect serves a connection until it ends.
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		http.Error(w, "closed", http.StatusServiceUnavailable)
		return
	}
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()
	if f := s.take(atUpgrade, "", ""); f != nil {
		if !s.meetHTTP(w, f, Call{Stanza: atUpgrade}) {
			return
		}
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader answered
	}
	c := newConn(s, ws)
	if !s.enter(c) {
		return
	}
	c.serve()
	s.leave(c)
}

// enter adds a connection unless the server is closed.
func (s *Server) enter(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.cut()
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

// leave forgets a connection that ended.
func (s *Server) leave(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	for _, ref := range c.refs {
		delete(s.refs, ref)
	}
	if c.pairing != nil && c.pairing.done != nil {
		select {
		case c.pairing.done <- errGone:
		default: // it ended well
		}
	}
	d := c.device
	gone := d != nil && d.conn == c
	if gone {
		d.conn = nil
	}
	s.mu.Unlock()
	if gone {
		s.publish(Event{Kind: EventDisconnected, Number: d.owner.phoneNumber, Device: d.id})
	}
}
