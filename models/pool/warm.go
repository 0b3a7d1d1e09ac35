package pool

import "context"

// askAfresh has a worker that answers tell what it can, where it is configured otherwise
// than when it was asked last. One that does not tell is asked again with its next probe.
func (p *Pool) askAfresh(ctx context.Context, w *worker, conf Worker) {
	p.mu.Lock()
	due := w.afresh
	p.mu.Unlock()
	if !due || conf.Tell == nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	server, err := conf.Tell(limited)
	p.mu.Lock()
	defer p.unlock()
	if err == nil && conf.Revision == w.conf.Revision {
		w.server, w.afresh = server, false
	}
}
