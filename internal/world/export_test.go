package world

// Public is public, for the test of addresses.
var Public = public

// Callers is how many skills' connections are kept.
func (p *Provider) Callers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.callers)
}
