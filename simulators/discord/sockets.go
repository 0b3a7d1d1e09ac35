package discord

// Connected tells how many gateway connections have a session.
func (s *Server) Connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for c := range s.gate.conns {
		if c.sess != nil {
			n++
		}
	}
	return n
}

// Sockets tells how many gateway connections are open.
func (s *Server) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.gate.conns)
}

func (s *Server) each(do func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.gate.conns {
		do(c)
	}
}

// Reconnect asks all connections to be made anew (op 7).
func (s *Server) Reconnect() {
	s.each(func(c *conn) { c.push(outgoing{data: frame(opReconnect, nil, "", nil)}) })
}

// Invalidate tells all connections that their session is not valid (op 9). One that is not
// resumable is gone.
func (s *Server) Invalidate(resumable bool) {
	s.each(func(c *conn) {
		if c.sess != nil && !resumable {
			delete(s.gate.sessions, c.sess.id)
			c.sess.conn, c.sess = nil, nil
		}
		c.push(outgoing{data: frame(opInvalidSession, nil, "", resumable)})
	})
}

// CloseSockets ends all connections with a close code.
func (s *Server) CloseSockets(code int) { s.each(func(c *conn) { c.push(outgoing{code: code}) }) }

// DropSockets cuts all connections without a close.
func (s *Server) DropSockets() { s.each(func(c *conn) { c.end() }) }

// Mute lets nothing more through the connections there are; they stay open.
func (s *Server) Mute() { s.each(func(c *conn) { c.muted.Store(true) }) }

// ForgetSessions makes every session unknown: a resume is answered with op 9.
func (s *Server) ForgetSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.gate.sessions)
}

// Ask has all connections send a heartbeat now (op 1).
func (s *Server) Ask() {
	s.each(func(c *conn) { c.push(outgoing{data: frame(opHeartbeat, nil, "", nil)}) })
}
