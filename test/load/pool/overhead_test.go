package pool_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/openaiapi"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
)

const (
	// clients ask at the same time at full load.
	clients = 32
	// chunks is the length of a stream.
	chunks = 64
	// sitting is how long one path is measured before the next has its turn; each has
	// several, so that what else the machine does meets all of them.
	sitting, sittings = 300 * time.Millisecond, 3
)

// key is what the hub's endpoint wants; the others take no notice of it.
const key = "sk-parley-bench-8d1c07"

// paths are the ways to one of four workers, all over the loopback interface: straight,
// through the least that could stand between, and through the hub's own endpoint and the
// pool.
type paths struct {
	direct, bare, pool string
	client             *http.Client
	// header is what else is sent.
	header http.Header
}

func newPaths(t *testing.T) paths {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 4 * clients}
	t.Cleanup(transport.CloseIdleConnections)
	p := paths{client: &http.Client{Transport: transport}}
	o := pool.Options{Name: "fake", Model: "fake", Queue: patient()}
	answer := strings.TrimSpace(strings.Repeat("word ", chunks))
	for i := range 4 {
		w := modeltest.Start(t, modeltest.Options{Answer: func([]models.Message) string { return answer }})
		if i == 0 {
			p.direct = w.Base()
		}
		name := fmt.Sprint("w", i)
		c, err := openaichat.New(openaichat.Options{Base: w.Base(), HTTP: p.client, Worker: name})
		if err != nil {
			t.Fatal(err)
		}
		o.Workers = append(o.Workers, pool.Worker{Name: name, Client: c, Slots: clients})
	}
	serve := func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL + "/v1"
	}
	p.bare = serve(bareProxy(p.direct, transport))
	p.pool = serve(openaiapi.New(openaiapi.Options{
		Registry: models.NewRegistry(o.Model, map[string]models.Client{o.Model: pool.New(o)}),
		Keys:     []openaiapi.Key{{Name: "bench", Secret: secret.New(key)}},
	}))
	return p
}

// bareProxy reads a request to its end and passes the answer on as it comes.
func bareProxy(worker string, transport http.RoundTripper) http.Handler {
	to, err := url.Parse(strings.TrimSuffix(worker, "/v1"))
	if err != nil {
		panic(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(rw, r)
	})
}

// plainBody and streamBody are what is asked: one word at once, and many as they come.
var (
	plainBody  = []byte(`{"model":"fake","max_tokens":1,"messages":[{"role":"user","content":"How do I get to the station?"}]}`)
	streamBody = []byte(`{"model":"fake","stream":true,"messages":[{"role":"user","content":"How do I get to the station?"}]}`)
)

// ask makes one call and checks that the answer is whole: a proxy that reads the
// request while the answer comes cuts some.
func (p paths) ask(base string, body []byte) error {
	req, err := http.NewRequest(http.MethodPost, base+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + key}}
	maps.Copy(req.Header, p.header)
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d", resp.StatusCode)
	case &body[0] == &streamBody[0] && bytes.Count(answer, []byte("word")) != chunks:
		return fmt.Errorf("a cut stream")
	}
	return nil
}

// rate is how many calls a second were answered.
type rate struct {
	// wall counts seconds of the clock, work seconds of processor time that all in this
	// process took together: it is what a busy machine can do, and the same whatever else
	// runs on it.
	wall, work float64
}

func (r *rate) add(other rate) {
	r.wall += other.wall / sittings
	r.work += other.work / sittings
}

// full is what all clients get answered together.
func (p paths) full(t *testing.T, base string, body []byte) rate {
	t.Helper()
	var done atomic.Int64
	var asking sync.WaitGroup
	began, worked := time.Now(), processor(t)
	for range clients {
		asking.Go(func() {
			for time.Since(began) < sitting {
				if err := p.ask(base, body); err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	asking.Wait()
	n := float64(done.Load())
	return rate{wall: n / time.Since(began).Seconds(), work: n / (processor(t) - worked).Seconds()}
}

// processor is the processor time that this process has used.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// spaced asks at a steady rate and gives the delays, sorted.
func (p paths) spaced(base string, body []byte, perSecond float64) ([]time.Duration, error) {
	n := max(int(perSecond*sitting.Seconds()), 1)
	took := make([]time.Duration, n)
	wrong := make([]error, n)
	var asking sync.WaitGroup
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		time.Sleep(time.Until(due))
		asking.Go(func() {
			since := time.Now()
			wrong[i] = p.ask(base, body)
			took[i] = time.Since(since)
		})
	}
	asking.Wait()
	slices.Sort(took)
	return took, errors.Join(wrong...)
}

// calmest are p50 and p99 of the calmest of several sittings, at half of what the pool
// did just before: what else the machine does changes by the second.
func (p paths) calmest(t *testing.T, base string) (p50, p99 time.Duration) {
	t.Helper()
	for i := range 2 * sittings {
		half := p.full(t, p.pool, plainBody).wall / 2
		took, err := p.spaced(base, plainBody, half)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := quantile(took, 0.5), quantile(took, 0.99); i == 0 {
			p50, p99 = a, b
		} else {
			p50, p99 = min(p50, a), min(p99, b)
		}
	}
	return p50, p99
}

// overhead is point 1 as a client sees it, with both protocols' work in it.
func overhead(t *testing.T) []row {
	p := newPaths(t)
	var rows []row
	for _, test := range []struct {
		name string
		body []byte
		goal float64
	}{{"plain", plainBody, 0.60}, {fmt.Sprintf("stream of %d", chunks), streamBody, 0.75}} {
		var direct, bare, pooled rate
		p.full(t, p.pool, test.body) // connections
		for range sittings {
			direct.add(p.full(t, p.direct, test.body))
			bare.add(p.full(t, p.bare, test.body))
			pooled.add(p.full(t, p.pool, test.body))
		}
		of := pooled.work / bare.work
		rows = append(rows,
			row{1, test.name + ": requests/s direct, bare proxy, pool", fmt.Sprintf("%.0f, %.0f, %.0f", direct.wall, bare.wall, pooled.wall), "", info},
			row{1, test.name + ": requests for a second of processor time, over the bare proxy's", fmt.Sprintf("%.2f", of), fmt.Sprintf(">= %.2f", test.goal), judge(of >= test.goal)},
		)
	}
	direct50, direct99 := p.calmest(t, p.direct)
	pool50, pool99 := p.calmest(t, p.pool)
	p50, p99 := pool50-direct50, pool99-direct99
	return append(rows,
		row{1, "added at half load: p50", ms(p50), "<= 0.30 ms", judge(p50 <= 300*time.Microsecond)},
		row{1, "added at half load: p99", ms(p99), "<= 2.00 ms", judge(p99 <= 2*time.Millisecond)},
		overPortkey(t, p),
	)
}
