package discord

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bwmarrin/discordgo"
	"golang.org/x/sync/errgroup"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// helloWithin is how long the gateway may take to open a connection and to greet.
	helloWithin = 15 * time.Second
	// writeWithin bounds the writing of one frame; maxFrame the reading of one.
	writeWithin = 10 * time.Second
	maxFrame    = 64 << 20
	// steadyAfter is how long a connection must last for a reconnect that the server
	// asks for to be made at once.
	steadyAfter = 5 * time.Second
	// room is how many events may wait to be stored before reading pauses.
	room = 1000
	// closeKeeping ends a connection and keeps its session; 1000 and 1001 would end it.
	closeKeeping = 4000
	// Types of websocket frames (RFC 6455).
	textFrame  = 1
	closeFrame = 8
)

// Opcodes of the gateway
// (https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway-gateway-opcodes).
const (
	opDispatch       = 0
	opHeartbeat      = 1
	opIdentify       = 2
	opResume         = 6
	opReconnect      = 7
	opInvalidSession = 9
	opHello          = 10
	opHeartbeatAck   = 11
)

// intents are the events that are asked for
// (https://docs.discord.com/developers/events/gateway#gateway-intents).
const intents = discordgo.IntentGuilds | discordgo.IntentGuildMessages | discordgo.IntentGuildMessageReactions |
	discordgo.IntentDirectMessages | discordgo.IntentDirectMessageReactions | discordgo.IntentMessageContent

var (
	errReconnect = errors.New("the server asks for a new connection")
	errInvalid   = errors.New("the server cannot take the session now")
	errLost      = errors.New("the server does not know the session any more")
	errZombie    = errors.New("the server does not acknowledge heartbeats")
	errNoHello   = errors.New("the connection does not begin with a HELLO")
)

// socket is what is used of a websocket connection.
type socket interface {
	ReadMessage() (kind int, data []byte, err error)
	WriteMessage(kind int, data []byte) error
	WriteControl(kind int, data []byte, deadline time.Time) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	SetReadLimit(limit int64)
	SetCloseHandler(h func(code int, text string) error)
	Close() error
}

// connection is one connection to the gateway.
type connection struct {
	a        *shard
	socket   socket
	interval time.Duration
	// code is the code the server closed with; 0 for none. What comes after we hung up
	// is our own coming back.
	code   atomic.Int64
	hungUp atomic.Bool
	// acked is false while a heartbeat waits for its acknowledgement; full is true
	// while reading pauses, so that none can be seen.
	acked, full atomic.Bool
	// seq is the last event that was stored with everything before it.
	seq   atomic.Int64
	write sync.Mutex
}

// gateway keeps a connection until ctx ends or something fails. A new connection that
// the server itself asks for is part of the protocol; everything else is returned, and
// the next Run resumes.
func (s *shard) gateway(ctx context.Context, in adapters.Inbox) error {
	for ctx.Err() == nil {
		began := s.now()
		err := s.connect(ctx, in)
		switch {
		case errors.Is(err, errReconnect) && s.now().Sub(began) >= steadyAfter:
			s.log.Debug().Msg("reconnecting to the gateway as it asks")
		default:
			return err
		}
	}
	return nil
}

// connect is one connection from its beginning to its end.
func (s *shard) connect(ctx context.Context, in adapters.Inbox) error {
	address, err := s.gatewayAddress(ctx)
	if err != nil {
		return err
	}
	dialled, stop := context.WithTimeout(ctx, helloWithin)
	defer stop()
	ws, resp, err := s.api.session.Dialer.DialContext(dialled, address, nil)
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close() // of a refused handshake; there is nothing in it to read
	}
	if err != nil {
		s.place.ResumeURL = "" // the next try asks for an address that works
		return fault.New(fault.Retryable, "gateway", s.api.clean(ctx, err))
	}
	c := &connection{a: s, socket: ws}
	c.acked.Store(true)
	c.seq.Store(s.place.Seq)
	ws.SetReadLimit(maxFrame)
	ws.SetCloseHandler(func(code int, _ string) error {
		if !c.hungUp.Load() {
			c.code.Store(int64(code))
		}
		return nil
	})
	return c.run(ctx, in)
}

// run greets, says who we are, and keeps reading, storing and beating until something
// of it fails. All it started ends with it.
func (c *connection) run(ctx context.Context, in adapters.Inbox) error {
	group, inner := errgroup.WithContext(ctx)
	events := make(chan frame, room)
	group.Go(func() error { // a read ends when its connection does
		<-inner.Done()
		c.hangUp()
		return nil
	})
	group.Go(func() error {
		defer close(events)
		if err := c.greet(); err != nil {
			return err
		}
		group.Go(func() error { return c.beat(inner) })
		return c.read(inner, events)
	})
	group.Go(func() error { return c.a.store(inner, in, c, events) })
	err := group.Wait()
	defer c.a.place.save()
	return c.fault(ctx, err)
}

// hangUp ends the connection in the way that keeps the session. It may be called
// again.
func (c *connection) hangUp() {
	c.hungUp.Store(true)
	code := binary.BigEndian.AppendUint16(nil, closeKeeping)
	_ = c.socket.WriteControl(closeFrame, code, time.Now().Add(time.Second)) // best effort: it is closed in any case
	_ = c.socket.Close()
}

// fault says why a connection ended, and drops the session when it is lost.
func (c *connection) fault(ctx context.Context, err error) error {
	var known *fault.Error
	code := int(c.code.Load())
	if errors.Is(err, errLost) || code == closeInvalidSeq || code == closeSessionTimeout || code == closeNotAuthenticated {
		c.a.place.lose()
	}
	switch {
	case errors.Is(err, errReconnect):
		return fault.New(fault.Retryable, "gateway", err)
	case errors.As(err, &known):
		return known
	case code != 0:
		c.a.mu.Lock()
		app := c.a.app
		c.a.mu.Unlock()
		return closed(string(c.a.account), app, code)
	case err == nil:
		return nil
	default:
		return fault.New(fault.Retryable, "gateway", c.a.api.clean(ctx, err))
	}
}

// send writes one frame.
func (c *connection) send(op int, data any) error {
	body, err := json.Marshal(struct {
		Op   int `json:"op"`
		Data any `json:"d"`
	}{op, data})
	if err != nil {
		return fault.New(fault.Bug, "gateway", err)
	}
	c.write.Lock()
	defer c.write.Unlock()
	if err := c.socket.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	return c.socket.WriteMessage(textFrame, body)
}

// receive reads one frame, waiting at most so long.
func (c *connection) receive(within time.Duration) (frame, error) {
	if err := c.socket.SetReadDeadline(time.Now().Add(within)); err != nil {
		return frame{}, err
	}
	_, data, err := c.socket.ReadMessage()
	if err != nil {
		return frame{}, err
	}
	var f frame
	if err := json.Unmarshal(data, &f); err != nil {
		return frame{}, fmt.Errorf("a frame is not JSON: %w", err)
	}
	return f, nil
}

// greet waits for HELLO and begins or resumes the session.
func (c *connection) greet() error {
	hello, err := c.receive(helloWithin)
	if err != nil {
		if c.code.Load() == 0 {
			return fmt.Errorf("%w: %w", errNoHello, err)
		}
		return err
	}
	var d struct {
		Interval float64 `json:"heartbeat_interval"`
	}
	if hello.Op != opHello || json.Unmarshal(hello.Data, &d) != nil || d.Interval < 1 {
		return errNoHello
	}
	c.interval = seconds(d.Interval / 1000)
	p := c.a.place
	token := c.a.api.token.Reveal()
	if p.Session != "" {
		return c.send(opResume, map[string]any{"token": token, "session_id": p.Session, "seq": p.Seq})
	}
	return c.send(opIdentify, map[string]any{
		"token": token, "intents": int(intents), "shard": [2]int{c.a.id, c.a.config.Shards},
		"properties": map[string]string{"os": runtime.GOOS, "browser": "parley", "device": "parley"},
	})
}

// read hands on what comes until the connection ends.
func (c *connection) read(ctx context.Context, events chan<- frame) error {
	for {
		f, err := c.receive(2*c.interval + helloWithin)
		if err != nil {
			return err
		}
		switch f.Op {
		case opDispatch:
			if err := c.hand(ctx, events, f); err != nil {
				return err
			}
		case opHeartbeat:
			if err := c.heartbeat(); err != nil {
				return err
			}
		case opHeartbeatAck:
			c.acked.Store(true)
		case opReconnect:
			return errReconnect
		case opInvalidSession:
			return invalid(f)
		}
	}
}

// hand gives an event to those who store it. While they have no room nothing is read,
// the acknowledgement of a heartbeat neither.
func (c *connection) hand(ctx context.Context, events chan<- frame, f frame) error {
	select {
	case events <- f:
		return nil
	default:
	}
	c.full.Store(true)
	defer c.full.Store(false)
	defer c.acked.Store(true)
	select {
	case events <- f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// invalid reads that the server does not take the session. It wants a pause of one to
// five seconds before the next try.
func invalid(f frame) error {
	cause := errLost
	var resumable bool
	if json.Unmarshal(f.Data, &resumable) == nil && resumable {
		cause = errInvalid
	}
	return fault.New(fault.Retryable, "gateway", cause, fault.WithWait(time.Second+jitter(4*time.Second)))
}

// jitter spreads what everybody would do at once.
func jitter(d time.Duration) time.Duration {
	return rand.N(d) //nolint:gosec // nothing secret hangs on it
}

func (c *connection) heartbeat() error {
	if seq := c.seq.Load(); seq > 0 {
		return c.send(opHeartbeat, seq)
	}
	return c.send(opHeartbeat, nil)
}

// beat keeps the connection alive and notices when it is dead. The first beat comes
// after a random part of the interval, so that not everybody's come together.
func (c *connection) beat(ctx context.Context) error {
	timer := time.NewTimer(jitter(c.interval))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if !c.acked.Load() && !c.full.Load() {
			return errZombie
		}
		c.acked.Store(false)
		if err := c.heartbeat(); err != nil {
			return err
		}
		timer.Reset(c.interval)
	}
}
