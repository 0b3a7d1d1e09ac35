package discord

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/parley-hub/parley/simulators"
)

// Opcodes and close codes of
// https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway.
const (
	opDispatch       = 0
	opHeartbeat      = 1
	opIdentify       = 2
	opPresence       = 3
	opResume         = 6
	opReconnect      = 7
	opRequestMembers = 8
	opInvalidSession = 9
	opHello          = 10
	opAck            = 11

	CloseUnknownOpcode     = 4001
	CloseDecodeError       = 4002
	CloseNotAuthenticated  = 4003
	CloseAuthentication    = 4004
	CloseAlreadyAuthorized = 4005
	CloseInvalidSeq        = 4007
	CloseSessionTimedOut   = 4009
	CloseInvalidShard      = 4010
	CloseShardingRequired  = 4011
	CloseInvalidVersion    = 4012
	CloseInvalidIntents    = 4013
	CloseDisallowedIntents = 4014
)

// Intents of https://docs.discord.com/developers/events/gateway#gateway-intents.
const (
	intentGuilds         = 1 << 0
	intentMessages       = 1 << 9
	intentReactions      = 1 << 10
	intentDMs            = 1 << 12
	intentDMReactions    = 1 << 13
	intentMessageContent = 1 << 15
	intentsKnown         = 1<<26 - 1
)

const (
	maxPayload  = 4096
	maxSessions = 64
	// identifyWindow is how often as many sessions may be begun as max_concurrency says.
	identifyWindow = 5 * time.Second
	maxQueued      = 20000
)

// gateway is what the server keeps of its websockets, under Server.mu.
type gateway struct {
	sessions map[string]*session
	order    []string
	conns    map[*conn]struct{}
	// begun counts identifies by bucket.
	begun map[int]*window
}

// session outlives connections.
type session struct {
	id      string
	intents int
	shard   [2]int // its number, and of how many
	seq     int64
	events  []kept
	lost    bool // what was kept is not enough to resume
	conn    *conn
}

type kept struct {
	seq  int64
	data []byte
}

// conn is one websocket.
type conn struct {
	ws     *websocket.Conn
	out    chan outgoing
	done   chan struct{}
	once   sync.Once
	noAcks bool
	muted  atomic.Bool
	sess   *session // under Server.mu
}

// outgoing is a frame, or the code to close with.
type outgoing struct {
	data []byte
	code int
}

func (c *conn) end() { c.once.Do(func() { close(c.done) }) }

// push queues a frame; a client that does not read is cut off.
func (c *conn) push(o outgoing) {
	select {
	case c.out <- o:
	case <-c.done:
	default:
		c.end()
	}
}

func frame(op int, seq *int64, event string, data any) []byte {
	f := map[string]any{"op": op, "d": data, "s": nil, "t": nil}
	if seq != nil {
		f["s"], f["t"] = *seq, event
	}
	return simulators.JSON(f)
}

func (s *Server) serveGateway(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := &conn{ws: ws, out: make(chan outgoing, maxQueued), done: make(chan struct{})}
	s.mu.Lock()
	if s.ctx.Err() != nil {
		s.mu.Unlock()
		_ = ws.Close()
		return
	}
	s.gate.conns[c] = struct{}{}
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()
	s.feed.Touch()

	var writer sync.WaitGroup
	writer.Go(func() { c.writeAll() })
	silent := s.takeKind(FaultSilent, "")
	c.noAcks = s.takeKind(FaultNoAck, "")
	switch {
	case silent:
	case q.Get("v") != "9" && q.Get("v") != "10":
		c.push(outgoing{code: CloseInvalidVersion})
	case q.Get("encoding") != "json":
		c.push(outgoing{code: CloseDecodeError})
	default:
		c.push(outgoing{data: frame(opHello, nil, "", map[string]any{"heartbeat_interval": s.opts.Heartbeat.Milliseconds(), "_trace": []string{}})})
	}
	code := s.readAll(c, r.Host)
	s.mu.Lock()
	delete(s.gate.conns, c)
	if c.sess != nil && c.sess.conn == c {
		c.sess.conn = nil
		if code == websocket.CloseNormalClosure || code == websocket.CloseGoingAway {
			delete(s.gate.sessions, c.sess.id) // the client ended its session
		}
	}
	s.mu.Unlock()
	c.end()
	writer.Wait()
	s.feed.Touch()
}

// writeAll writes what is queued until the connection ends.
func (c *conn) writeAll() {
	defer func() { _ = c.ws.Close() }()
	for {
		select {
		case <-c.done:
			return
		case o := <-c.out:
			_ = c.ws.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if o.code != 0 {
				_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(o.code, ""), time.Now().Add(time.Second))
				return
			}
			if c.muted.Load() {
				continue
			}
			if c.ws.WriteMessage(websocket.TextMessage, o.data) != nil {
				return
			}
		}
	}
}

// readAll obeys what comes until the connection ends; it gives the code the client closed with.
func (s *Server) readAll(c *conn, host string) int {
	c.ws.SetReadLimit(1 << 20)
	for {
		// Discord ends a connection that misses its heartbeats.
		_ = c.ws.SetReadDeadline(time.Now().Add(3*s.opts.Heartbeat + 10*time.Second))
		_, data, err := c.ws.ReadMessage()
		if err != nil {
			if ce, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // ReadMessage gives it as it is
				return ce.Code
			}
			return 0
		}
		if len(data) > maxPayload {
			c.push(outgoing{code: CloseDecodeError})
			continue
		}
		var in struct {
			Op   *int            `json:"op"`
			Data json.RawMessage `json:"d"`
		}
		if json.Unmarshal(data, &in) != nil || in.Op == nil {
			c.push(outgoing{code: CloseDecodeError})
			continue
		}
		if code := s.obey(c, *in.Op, in.Data, host); code != 0 {
			c.push(outgoing{code: code})
		}
	}
}

// obey answers one frame; it gives the code to close with, or 0.
func (s *Server) obey(c *conn, op int, data json.RawMessage, host string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch op {
	case opHeartbeat:
		if !c.noAcks {
			c.push(outgoing{data: frame(opAck, nil, "", nil)})
		}
		return 0
	case opIdentify:
		return s.identify(c, data, host)
	case opResume:
		return s.resume(c, data)
	case opPresence, opRequestMembers:
		if c.sess == nil {
			return CloseNotAuthenticated
		}
		return 0
	default:
		return CloseUnknownOpcode
	}
}

func (s *Server) rightToken(token string) bool {
	return strings.TrimPrefix(token, "Bot ") == s.opts.Token
}

// identify begins a session; the caller holds mu.
func (s *Server) identify(c *conn, data json.RawMessage, host string) int {
	var in struct {
		Token      string          `json:"token"`
		Intents    *int            `json:"intents"`
		Properties json.RawMessage `json:"properties"`
		Shard      *[2]int         `json:"shard"`
	}
	switch {
	case json.Unmarshal(data, &in) != nil || len(in.Properties) == 0:
		return CloseDecodeError
	case c.sess != nil:
		return CloseAlreadyAuthorized
	case !s.rightToken(in.Token):
		return CloseAuthentication
	case in.Shard != nil && (in.Shard[0] < 0 || in.Shard[0] >= in.Shard[1]):
		return CloseInvalidShard
	case s.opts.RequiredShards > 1 && (in.Shard == nil || in.Shard[1] < s.opts.RequiredShards):
		return CloseShardingRequired
	case in.Intents == nil || *in.Intents < 0 || *in.Intents&^intentsKnown != 0:
		return CloseInvalidIntents
	case s.opts.NoMessageContent && *in.Intents&intentMessageContent != 0:
		return CloseDisallowedIntents
	}
	shard := [2]int{0, 1}
	if in.Shard != nil {
		shard = *in.Shard
	}
	if !s.mayBegin(shard[0]) {
		c.push(outgoing{data: frame(opInvalidSession, nil, "", false)})
		return 0
	}
	sess := &session{id: "session-" + s.id(), intents: *in.Intents, shard: shard, conn: c}
	c.sess = sess
	s.gate.sessions[sess.id] = sess
	s.gate.order = append(s.gate.order, sess.id)
	for len(s.gate.order) > maxSessions {
		delete(s.gate.sessions, s.gate.order[0])
		s.gate.order = s.gate.order[1:]
	}
	guilds := []map[string]any{}
	for id := range s.guilds {
		if sess.has(id) {
			guilds = append(guilds, map[string]any{"id": id, "unavailable": true})
		}
	}
	s.tell(sess, "READY", map[string]any{
		"v": 10, "user": s.bot, "guilds": guilds, "session_id": sess.id, "resume_gateway_url": "ws://" + host + "/gateway/",
		"shard": shard, "application": map[string]any{"id": s.opts.ApplicationID, "flags": 0}, "private_channels": []any{},
	})
	if sess.intents&intentGuilds != 0 {
		for _, g := range s.guilds {
			if sess.has(g.id) {
				s.tell(sess, "GUILD_CREATE", s.guildPayload(g))
			}
		}
	}
	s.feed.Touch()
	return 0
}

// mayBegin counts an identify against max_concurrency; the caller holds mu.
func (s *Server) mayBegin(shard int) bool {
	most := s.opts.Limits.MaxConcurrency
	if most <= 0 {
		return true
	}
	bucket := shard % most
	if s.gate.begun == nil {
		s.gate.begun = map[int]*window{}
	}
	if s.gate.begun[bucket] == nil {
		s.gate.begun[bucket] = &window{}
	}
	return s.gate.begun[bucket].use(s.opts.Now(), 1, identifyWindow) == 0
}

// has tells whether events of a server of people come to this session; "" is a private
// chat, which is the first shard's. See https://docs.discord.com/developers/events/gateway#sharding.
func (sess *session) has(guildID string) bool {
	if guildID == "" {
		return sess.shard[0] == 0
	}
	id, err := strconv.ParseUint(guildID, 10, 64)
	return err == nil && (id>>22)%uint64(sess.shard[1]) == uint64(sess.shard[0])
}

// resume goes on with a session: what it missed comes again in order.
func (s *Server) resume(c *conn, data json.RawMessage) int {
	var in struct {
		Token   string `json:"token"`
		Session string `json:"session_id"`
		Seq     *int64 `json:"seq"`
	}
	switch {
	case json.Unmarshal(data, &in) != nil || in.Seq == nil:
		return CloseDecodeError
	case c.sess != nil:
		return CloseAlreadyAuthorized
	case !s.rightToken(in.Token):
		return CloseAuthentication
	}
	sess := s.gate.sessions[in.Session]
	switch {
	case sess == nil || sess.lost && (len(sess.events) == 0 || sess.events[0].seq > *in.Seq+1):
		c.push(outgoing{data: frame(opInvalidSession, nil, "", false)})
		return 0
	case *in.Seq > sess.seq || *in.Seq < 0:
		return CloseInvalidSeq
	}
	if sess.conn != nil {
		sess.conn.end()
	}
	sess.conn, c.sess = c, sess
	for _, k := range sess.events {
		if k.seq > *in.Seq {
			c.push(outgoing{data: k.data})
		}
	}
	s.tell(sess, "RESUMED", map[string]any{"_trace": []string{}})
	s.feed.Touch()
	return 0
}
