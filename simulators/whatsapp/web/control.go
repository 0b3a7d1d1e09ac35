//go:build !nowhatsmeow

package web

// Disconnect cuts the connections of a number's devices. They stay linked.
func (s *Server) Disconnect(number string) error {
	return s.each(number, func(d *device) {
		if d.conn != nil {
			d.conn.cut()
		}
	})
}

// Silence makes a dead peer of the server on the present connections of a number's devices.
func (s *Server) Silence(number string) error {
	return s.each(number, func(d *device) {
		if d.conn != nil {
			d.conn.silence()
		}
	})
}

// StreamError ends the connections of a number's devices with a code, such as 503 or 515.
func (s *Server) StreamError(number, code string) error {
	return s.each(number, func(d *device) {
		if d.conn != nil {
			d.conn.streamError(code, "")
		}
	})
}

// Replace ends the connections of a number's devices as if each had connected elsewhere.
func (s *Server) Replace(number string) error {
	return s.each(number, func(d *device) {
		if d.conn != nil {
			d.conn.streamError("", "replaced")
		}
	})
}

// Logout lets the number's phone remove all linked devices. Those that are away learn of it
// at their next login (reason 401).
func (s *Server) Logout(number string) error {
	return s.each(number, func(d *device) {
		if d.conn != nil {
			d.conn.streamError("401", "device_removed")
		}
		s.unlink(d)
	})
}

// Ban refuses logins of a number for a while (reason 402) and cuts its connections. Remove
// lifts it.
func (s *Server) Ban(number string) *FaultHandle {
	return s.refuseLogins(number, reasonTemporaryBan)
}

// Outdated refuses logins of a number because its client is too old (reason 405) and cuts
// its connections. Remove lifts it.
func (s *Server) Outdated(number string) *FaultHandle {
	return s.refuseLogins(number, reasonOutdated)
}

// reasonOutdated is the reason of a login refused because of the client's version.
const reasonOutdated = 405

func (s *Server) refuseLogins(number string, reason int) *FaultHandle {
	h := s.Inject(Fault{Kind: FaultRefuse, At: atLogin, Number: number, Code: reason, Count: -1})
	_ = s.Disconnect(number) // without such a number there is nothing to cut
	return h
}

// each does something with all devices of a number.
func (s *Server) each(number string, do func(*device)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.number(number)
	if err != nil {
		return err
	}
	for _, d := range a.sorted() {
		do(d)
	}
	return nil
}

// unlink removes a device and what waits for it. Server.mu is held.
func (s *Server) unlink(d *device) {
	delete(d.owner.devices, d.id)
	d.conn = nil
	s.publish(Event{Kind: EventUnlinked, Number: d.owner.phoneNumber, Device: d.id})
}
