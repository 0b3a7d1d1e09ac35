//go:build !nowhatsmeow

package web

import (
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

const (
	// writeTimeout bounds one write to a client that does not read.
	writeTimeout = 30 * time.Second
	// linger is how long a client has to hang up by itself once it was told that the
	// connection is over. A known client forgets what it was told when it is cut off at once.
	linger = 500 * time.Millisecond
)

// The tags of stanzas.
const (
	tagMessage      = "message"
	tagReceipt      = "receipt"
	tagNotification = "notification"
	tagAck          = "ack"
	tagIQ           = "iq"
	tagPresence     = "presence"
	tagChatState    = "chatstate"
	tagBroadcast    = "ib"
	tagStreamError  = "stream:error"
)

// conn is a client's connection. Its reader runs in serve; a writer of its own sends what
// was queued, so that nobody who queues something waits for a slow client.
type conn struct {
	server *Server
	ws     *websocket.Conn
	frames frameReader
	in     *direction
	out    *direction

	// After the handshake one of these is set. The reader sets them, with Server.mu held.
	device  *device
	pairing *pairing
	refs    []string
	active  bool  // the device wants what waits for it
	held    *node // a delivery that waits to be overtaken

	mu     sync.Mutex
	queued [][]byte
	end    bool // close once everything is out, after rest
	rest   time.Duration
	silent bool // nothing goes out and nothing is heard any more
	wake   chan struct{}
	dead   chan struct{}
	once   sync.Once
}

func newConn(s *Server, ws *websocket.Conn) *conn {
	return &conn{server: s, ws: ws, wake: make(chan struct{}, 1), dead: make(chan struct{})}
}

// cut closes the connection at once.
func (c *conn) cut() {
	c.once.Do(func() {
		close(c.dead)
		_ = c.ws.Close() // the point is that the client sees it closed
	})
}

// send queues a stanza.
func (c *conn) send(n node) {
	data, err := waBinary.Marshal(n)
	if err != nil {
		panic("whatsapp web simulator: " + err.Error()) // it is our own
	}
	c.mu.Lock()
	if !c.end && !c.silent {
		c.queued = append(c.queued, data)
	}
	c.mu.Unlock()
	c.ring()
}

// finish closes the connection once everything that was queued is out and the client had
// some time more.
func (c *conn) finish(rest time.Duration) {
	c.mu.Lock()
	if !c.end {
		c.end, c.rest = true, rest
	}
	c.mu.Unlock()
	c.ring()
}

// silence makes a dead peer of the server's side.
func (c *conn) silence() {
	c.mu.Lock()
	c.silent, c.queued = true, nil
	c.mu.Unlock()
}

func (c *conn) isSilent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent
}

func (c *conn) ring() {
	select {
	case c.wake <- struct{}{}:
	default: // it was told already
	}
}

// write sends what was queued until the connection ends.
func (c *conn) write() {
	for {
		c.mu.Lock()
		batch, end, rest := c.queued, c.end, c.rest
		c.queued = nil
		c.mu.Unlock()
		for _, data := range batch {
			if err := c.put(c.out.seal(data)); err != nil {
				c.cut()
				return
			}
		}
		switch {
		case len(batch) > 0:
			continue
		case end:
			t := time.NewTimer(rest)
			defer t.Stop()
			select {
			case <-t.C:
			case <-c.dead:
			}
			c.cut()
			return
		}
		select {
		case <-c.wake:
		case <-c.dead:
			return
		}
	}
}

// put sends one frame in one message. A client is known that loses frames which are split
// over messages.
func (c *conn) put(data []byte) error {
	if err := c.ws.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	return c.ws.WriteMessage(websocket.BinaryMessage, frame(data))
}

// read gives the client's next frame.
func (c *conn) read() ([]byte, error) {
	for {
		f, err := c.frames.next()
		if f != nil || err != nil {
			return f, err
		}
		kind, data, err := c.ws.ReadMessage()
		switch {
		case err != nil:
			return nil, errGone
		case kind != websocket.BinaryMessage:
			return nil, fmt.Errorf("a websocket message that is not binary")
		}
		c.frames.add(data)
	}
}

var errGone = fmt.Errorf("the client is gone")

// serve runs the connection until it ends.
func (c *conn) serve() {
	defer c.cut()
	c.ws.SetReadLimit(2 * maxStanza)
	login, err := c.handshake()
	if err != nil {
		c.violation("handshake", err)
		return
	}
	var writer sync.WaitGroup
	writer.Go(c.write)
	defer writer.Wait()
	defer c.cut()
	if !c.server.admit(c, login) {
		c.drain()
		return
	}
	for {
		n, err := c.stanza()
		if err != nil {
			c.violation("frame", err)
			c.send(node{Tag: tagStreamError, Content: []node{{Tag: "xml-not-well-formed"}}})
			c.drain()
			return
		}
		if c.isSilent() {
			continue
		}
		if !c.server.handle(c, n) {
			c.drain()
			return
		}
	}
}

// stanza reads the client's next stanza.
func (c *conn) stanza() (*node, error) {
	f, err := c.read()
	if err != nil {
		return nil, err
	}
	plain, err := c.in.open(f)
	if err != nil {
		return nil, err
	}
	return readStanza(plain)
}

// drain waits until what was queued last is out and the client is gone.
func (c *conn) drain() {
	c.finish(linger)
	for {
		if _, _, err := c.ws.ReadMessage(); err != nil {
			return
		}
	}
}

// violation records why the server ends a connection by itself.
func (c *conn) violation(where string, err error) {
	if err == errGone { //nolint:errorlint // it is never wrapped
		return
	}
	call := Call{Stanza: where, Problem: err.Error()}
	c.server.mu.Lock()
	if c.device != nil {
		call.Number, call.Device = c.device.owner.phoneNumber, c.device.id
	}
	c.server.mu.Unlock()
	c.server.record(call)
}

// handshake runs the Noise handshake.
func (c *conn) handshake() (l login, err error) {
	h := newHandshake()
	hello, err := c.read()
	if err != nil {
		return l, err
	}
	answer, err := h.hello(hello, c.server.static, c.server.certificates)
	if err != nil {
		return l, err
	}
	if err = c.put(answer); err != nil {
		return l, errGone
	}
	finish, err := c.read()
	if err != nil {
		return l, err
	}
	if l.noiseKey, l.payload, err = h.finish(finish); err != nil {
		return l, err
	}
	c.in, c.out, err = h.split()
	return l, err
}

// streamError tells the client why the connection ends, and ends it.
func (c *conn) streamError(code, conflict string) {
	n := node{Tag: tagStreamError, Attrs: attrs{}}
	if code != "" {
		n.Attrs["code"] = code
	}
	if conflict != "" {
		n.Content = []node{{Tag: "conflict", Attrs: attrs{"type": conflict}}}
	}
	c.send(n)
	c.finish(linger)
}

// fromServer are the attributes of a stanza of the server itself.
func fromServer(more attrs) attrs {
	more["from"] = types.ServerJID
	return more
}
