package crash

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// probeEvery and probeTimeout are how a balancer looks at /readyz/calls.
	probeEvery   = 200 * time.Millisecond
	probeTimeout = time.Second
)

// balancer stands in front of the hubs as one stands in front of real ones: it gives
// each in turn what comes, if its /readyz/calls says yes, and tries the next where one does
// not take it.
type balancer struct {
	backends []*backend
	next     atomic.Uint64
	client   *http.Client
	// refused counts what no hub took.
	refused atomic.Int64
	gap     gap
}

// gap is how long it takes at the worst, when somebody calls, until a hub takes a call:
// that one or another.
type gap struct {
	mu    sync.Mutex
	since time.Time
	worst time.Duration
}

func (g *gap) asked() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since.IsZero() {
		g.since = time.Now()
	}
}

func (g *gap) taken() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.since.IsZero() {
		g.worst = max(g.worst, time.Since(g.since))
	}
	g.since = time.Time{}
}

func (g *gap) longest() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.worst
}

type backend struct {
	probe, send string // host:port
	ready       atomic.Bool
}

// run looks at the hubs until the test ends.
func (b *balancer) run(t *testing.T) {
	b.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	probes := &http.Client{Timeout: probeTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, hub := range b.backends {
		wg.Go(func() {
			tick := time.NewTicker(probeEvery)
			defer tick.Stop()
			for {
				hub.ready.Store(ready(ctx, probes, hub.probe))
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		b.client.CloseIdleConnections()
	})
}

func ready(ctx context.Context, client *http.Client, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz/calls", http.NoBody)
	if err != nil {
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close() // nothing is written, so nothing can be lost
	return res.StatusCode == http.StatusOK
}

// ServeHTTP gives a request to the hubs that are ready, one after the other, until one
// takes it. What was cut off on its way may have been taken: the next hub gets it too.
func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the platform left
	}
	b.gap.asked()
	first := b.next.Add(1)
	for i := range b.backends {
		hub := b.backends[(first+uint64(i))%uint64(len(b.backends))]
		if !hub.ready.Load() {
			continue
		}
		if res := b.try(r, hub, body); res != nil {
			b.gap.taken()
			pass(w, res)
			return
		}
		if r.Context().Err() != nil {
			return
		}
	}
	b.refused.Add(1)
	http.Error(w, "no hub takes it", http.StatusServiceUnavailable)
}

// try gives a request to a hub; nil when it did not take it.
func (b *balancer) try(r *http.Request, hub *backend, body []byte) *http.Response {
	req := r.Clone(r.Context())
	req.RequestURI = ""
	req.URL.Scheme, req.URL.Host = "http", hub.send
	req.Body = io.NopCloser(bytes.NewReader(body))
	res, err := b.client.Do(req)
	if err != nil {
		return nil
	}
	if res.StatusCode == http.StatusServiceUnavailable {
		_ = res.Body.Close() // nothing is written, so nothing can be lost
		return nil
	}
	return res
}

func pass(w http.ResponseWriter, res *http.Response) {
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body) // a platform that left gets it at the next try
	_ = res.Body.Close()
}
