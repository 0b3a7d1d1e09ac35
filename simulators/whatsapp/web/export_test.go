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
