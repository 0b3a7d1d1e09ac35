package openaiapi_test

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/logtest"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/openaiapi"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 30 * time.Second
	keyCI    = "key-of-ci-0123456789"
	keyApp   = "key-of-app-0123456789"
)

// hub is an API behind a real server.
type hub struct {
	url    string
	client *http.Client

	// ended gets each request's end.
	ended chan core.Event

	log logtest.Log
}

func (h *hub) Observe(e core.Event) { h.ended <- e }

// end waits for the next request's end.
func (h *hub) end(t *testing.T) core.Event {
	t.Helper()
	select {
	case e := <-h.ended:
		return e
	case <-time.After(patience):
		t.Fatal("no request ended")
		return core.Event{}
	}
}

// start serves pools under two keys: ci may use all, app the pool chat alone, in a hurry.
func start(tb testing.TB, pools map[string]models.Client, change ...func(*openaiapi.Options)) *hub {
	tb.Helper()
	h := &hub{ended: make(chan core.Event, 1000)}
	o := openaiapi.Options{
		Registry: models.NewRegistry("chat", pools), Observer: h, Log: zerolog.New(&h.log), Dir: tb.TempDir(),
		Keys: []openaiapi.Key{
			{Name: "ci", Secret: secret.New(keyCI), Band: models.Batch, Role: "tests"},
			{Name: "app", Secret: secret.New(keyApp), Models: []string{"chat"}, Band: models.Interactive},
		},
	}
	for _, c := range change {
		c(&o)
	}
	server := httptest.NewServer(openaiapi.New(o))
	tb.Cleanup(server.Close)
	h.url, h.client = server.URL+"/v1", server.Client()
	return h
}

// overWorker serves one pool, chat, of one fake worker.
func overWorker(tb testing.TB, o modeltest.Options) (*hub, *modeltest.Worker) {
	tb.Helper()
	w := modeltest.Start(tb, o)
	return start(tb, map[string]models.Client{"chat": poolOf(tb, w)}), w
}

func poolOf(tb testing.TB, w *modeltest.Worker) *pool.Pool {
	tb.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	tb.Cleanup(transport.CloseIdleConnections)
	client, err := openaichat.New(openaichat.Options{Base: w.Base(), Worker: "w1", HTTP: &http.Client{Transport: transport}})
	if err != nil {
		tb.Fatal(err)
	}
	return pool.New(pool.Options{
		Name: "chat", Model: w.Model(), Vision: true,
		Workers: []pool.Worker{{Name: "w1", Client: client, Slots: 64}},
	})
}

// played is a client that plays an answer and keeps what it was asked.
type played struct {
	deltas []models.Delta
	err    error

	mu   sync.Mutex
	last models.Request
}

func (p *played) Vision() bool { return true }

func (p *played) Chat(_ context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	p.mu.Lock()
	p.last = r
	p.mu.Unlock()
	return func(yield func(models.Delta, error) bool) {
		for _, d := range p.deltas {
			if !yield(d, nil) {
				return
			}
		}
		if p.err != nil {
			yield(models.Delta{}, p.err)
		}
	}
}

func (p *played) asked() models.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// says is an answer in one piece.
func says(text string) *played {
	return &played{deltas: []models.Delta{{Text: text}, {Finish: models.FinishStop, Model: "tiny-1", Version: "blue", Usage: &models.Usage{Prompt: 5, Completion: 2, Cached: 3}}}}
}

// do sends a request with a key; body "" is none.
func (h *hub) do(tb testing.TB, method, path, key, body string, set ...func(*http.Request)) (*http.Response, string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, h.url+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for _, s := range set {
		s(r)
	}
	resp, err := h.client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		text = append(text, "<"+err.Error()+">"...)
	}
	return resp, string(text)
}

// chat asks with the key of ci.
func (h *hub) chat(tb testing.TB, body string, set ...func(*http.Request)) (*http.Response, string) {
	tb.Helper()
	return h.do(tb, http.MethodPost, "/chat/completions", keyCI, body, set...)
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

const hi = `{"model":"chat","messages":[{"role":"user","content":"hi"}]}`
