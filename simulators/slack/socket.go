package slack

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/parley-hub/parley/simulators"
)

const (
	// maxConnections is how many websockets an app may have.
	maxConnections = 10
	// maxAck is the longest acknowledgement; longer ones are dropped in silence.
	maxAck = 20 << 10
	// socketWrite bounds one write.
	socketWrite = 10 * time.Second
)

// hub holds the websockets of the app.
type hub struct {
	mu      sync.Mutex
	tickets map[string]bool
	conns   []*conn // in use
	all     map[*conn]bool
	next    int
	opened  int
	storm   int // connections still to be ended as soon as they are open
	waiting map[string]*pending
}

// conn is one websocket.
type conn struct {
	ws    *websocket.Conn
	write sync.Mutex
	gone  chan struct{}
	once  sync.Once
}

// pending is an envelope that waits for its acknowledgement.
type pending struct{ acked chan struct{} }

func (c *conn) close() {
	c.once.Do(func() {
		close(c.gone)
		_ = c.ws.Close() // a broken connection is what is wanted
	})
}

func (c *conn) send(v any) error {
	c.write.Lock()
	defer c.write.Unlock()
	if err := c.ws.SetWriteDeadline(time.Now().Add(socketWrite)); err != nil {
		return err
	}
	return c.ws.WriteMessage(websocket.TextMessage, simulators.JSON(v))
}

func (h *hub) pick() *conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.conns) == 0 {
		return nil
	}
	h.next++
	return h.conns[h.next%len(h.conns)]
}

func (h *hub) count() (open, opened int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns), h.opened
}

func (h *hub) closeAll() {
	h.mu.Lock()
	conns := slices.Collect(maps.Keys(h.all))
	h.mu.Unlock()
	for _, c := range conns {
		c.close()
	}
}

// drop stops using a connection.
func (h *hub) drop(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = slices.DeleteFunc(slices.Clone(h.conns), func(o *conn) bool { return o == c })
}

func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Disconnect asks all websockets to go, for a reason: warning, refresh_requested,
// link_disabled or too_many_websockets. All but a warning end them too.
func (s *Server) Disconnect(reason string) {
	s.hub.mu.Lock()
	conns := s.hub.conns
	s.hub.mu.Unlock()
	for _, c := range conns {
		s.sendAway(c, reason)
	}
}

// Cut ends all websockets without a word.
func (s *Server) Cut() { s.hub.closeAll() }

func (s *Server) sendAway(c *conn, reason string) {
	if err := c.send(args{"type": "disconnect", "reason": reason, "debug_info": args{"host": "sim"}}); err != nil {
		s.opts.Log.Debug("disconnect not written", "error", err)
	}
	if reason != "warning" {
		s.hub.drop(c)
	}
}

// Storm ends the next so many connections as soon as they are open.
func (s *Server) Storm(count int) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.storm = count
}

// upgrader takes every origin: clients send one of the public platform.
var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.hub.mu.Lock()
	good := s.hub.tickets[ticket]
	delete(s.hub.tickets, ticket)
	full := len(s.hub.conns) >= maxConnections
	if !good || s.ctx.Err() != nil {
		s.hub.mu.Unlock()
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.wg.Add(1)
	defer s.wg.Done()
	s.hub.mu.Unlock()
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	ws.SetReadLimit(1 << 20)
	c := &conn{ws: ws, gone: make(chan struct{})}
	defer c.close()
	s.hub.mu.Lock()
	s.hub.all[c] = true
	s.hub.mu.Unlock()
	if s.ctx.Err() != nil {
		return // Close may have missed it
	}
	if full {
		s.sendAway(c, "too_many_websockets")
	} else {
		s.welcome(c)
	}
	var pings sync.WaitGroup
	pings.Go(func() { s.ping(c) })
	s.listen(c)
	s.hub.drop(c)
	s.hub.mu.Lock()
	delete(s.hub.all, c)
	s.hub.mu.Unlock()
	c.close()
	pings.Wait()
	s.feed.Touch()
}

// welcome says hello and begins to use a connection, unless a storm ends it.
func (s *Server) welcome(c *conn) {
	s.hub.mu.Lock()
	s.hub.opened++
	n := len(s.hub.conns) + 1
	storm := s.hub.storm > 0
	if storm {
		s.hub.storm--
	}
	s.hub.mu.Unlock()
	err := c.send(args{
		"type": "hello", "num_connections": n, "connection_info": args{"app_id": s.opts.App.ID},
		"debug_info": args{"host": "sim", "build_number": 1, "approximate_connection_time": 18060},
	})
	if err != nil || storm {
		s.sendAway(c, "refresh_requested")
		return
	}
	s.hub.mu.Lock()
	s.hub.conns = append(s.hub.conns, c)
	s.hub.mu.Unlock()
	s.reachable()
	s.feed.Touch()
}

// ping keeps a client alive: it gives up without pings.
func (s *Server) ping(c *conn) {
	if s.opts.PingEvery < 0 {
		return
	}
	t := time.NewTicker(s.opts.PingEvery)
	defer t.Stop()
	for {
		if err := c.ws.WriteControl(websocket.PingMessage, []byte("ping"), time.Now().Add(socketWrite)); err != nil {
			return
		}
		select {
		case <-t.C:
		case <-c.gone:
			return
		}
	}
}

// listen reads acknowledgements until the connection ends.
func (s *Server) listen(c *conn) {
	for {
		_, data, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		var ack struct {
			EnvelopeID string `json:"envelope_id"`
		}
		if len(data) >= maxAck || json.Unmarshal(data, &ack) != nil {
			continue
		}
		s.hub.mu.Lock()
		p := s.hub.waiting[ack.EnvelopeID]
		delete(s.hub.waiting, ack.EnvelopeID)
		s.hub.mu.Unlock()
		if p != nil {
			close(p.acked)
		}
	}
}

// bySocket sends an envelope and waits until it is acknowledged.
func (s *Server) bySocket(c *conn, d *delivery) (reason string) {
	id := token()
	p := &pending{acked: make(chan struct{})}
	s.hub.mu.Lock()
	s.hub.waiting[id] = p
	s.hub.mu.Unlock()
	defer func() {
		s.hub.mu.Lock()
		delete(s.hub.waiting, id)
		s.hub.mu.Unlock()
	}()
	envelope := args{
		"envelope_id": id, "type": d.kind, "payload": d.payload, "accepts_response_payload": d.kind != "events_api",
		"retry_attempt": d.attempt, "retry_reason": d.reason,
	}
	if c.send(envelope) != nil {
		s.hub.drop(c)
		return "connection_failed"
	}
	t := time.NewTimer(s.opts.AckTimeout)
	defer t.Stop()
	select {
	case <-p.acked:
		return ""
	case <-c.gone:
		return "connection_failed"
	case <-t.C:
		return "timeout"
	case <-s.ctx.Done():
		return "connection_failed"
	}
}
