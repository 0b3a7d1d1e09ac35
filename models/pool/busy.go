package pool

// Busy tells whether any request is under way in the pool, or waits.
func (p *Pool) Busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.all() {
		if l.jobs > 0 {
			return true
		}
	}
	return false
}
