//go:build !nowhatsmeow

package web

// SpendPreKeys hands prekeys of a number's devices out to nobody until so many are left.
func (s *Server) SpendPreKeys(number string, left int) error {
	return s.each(number, func(d *device) {
		for len(d.once) > left {
			d.take()
		}
	})
}

// Quiet tells whether nothing waits for any device that is here.
func (s *Server) Quiet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.device != nil && c.device.waiting.order.Len() > 0 {
			return false
		}
	}
	return true
}
