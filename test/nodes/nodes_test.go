package nodes

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/test/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// node is one adapter with its webhook and its engine.
type node struct {
	adapters.Adapter
	t    *testing.T
	url  string
	in   *inbox
	kill func()
}

// shared makes nodes of one account.
type shared struct {
	t     *testing.T
	redis *redistest.Server
	// set completes the settings; url is where the node's webhook is.
	set func(s *adapters.Settings, url string)
	of  adapters.Factory
	in  *inbox
}

// start starts a node. It ends with the test, or when it is killed: nothing of it goes on.
func (s *shared) start() *node {
	s.t.Helper()
	engine, err := redisc.Open(s.t.Context(), redisc.Options{URL: secret.New(s.redis.URL())})
	if err != nil {
		s.t.Fatal(err)
	}
	var handler http.Handler
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	client := &http.Client{Transport: &http.Transport{}}
	settings := adapters.Settings{Memory: engine, Client: client, Log: zerolog.Nop(), PublicURL: web.URL}
	s.set(&settings, web.URL)
	a, err := s.of.New(settings)
	if err != nil {
		s.t.Fatal(err)
	}
	n := &node{Adapter: a, t: s.t, url: web.URL, in: s.in}
	handler = a.(adapters.Webhooker).Webhook(s.in) //nolint:forcetypeassert // a test may panic
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, s.in) }()
	n.kill = sync.OnceFunc(func() {
		cancel()
		web.Close()
		if err := <-ended; err != nil {
			s.t.Errorf("run: %v", err)
		}
		client.CloseIdleConnections()
		if err := engine.Close(); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(n.kill)
	return n
}

// say sends a reply of one message, as the deliverer does: it waits where it is asked to.
func (n *node) say(r core.Reply) core.Receipt {
	n.t.Helper()
	return n.patiently(func(ctx context.Context) (core.Receipt, error) { return n.Send(ctx, r) })
}

// reconcile asks for a message of unknown outcome.
func (n *node) reconcile(r core.Reply) (receipt core.Receipt, found bool) {
	n.t.Helper()
	receipt = n.patiently(func(ctx context.Context) (receipt core.Receipt, err error) {
		receipt, found, err = n.Adapter.(adapters.Reconciler).Reconcile(ctx, r) //nolint:forcetypeassert // a test may panic
		return receipt, err
	})
	return receipt, found
}

func (n *node) patiently(call func(context.Context) (core.Receipt, error)) core.Receipt {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	for {
		receipt, err := call(ctx)
		if err == nil {
			return receipt
		}
		if fault.ClassOf(err) != fault.RateLimited || fault.Wait(err) <= 0 {
			n.t.Fatal(err)
		}
		timer := time.NewTimer(fault.Wait(err))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			n.t.Fatalf("not in time: %v", err)
		}
	}
}

// inbox keeps what the nodes accept, each envelope once.
type inbox struct {
	mu   sync.Mutex
	all  []core.Envelope
	bell chan struct{}
}

func newInbox() *inbox { return &inbox{bell: make(chan struct{}, 1)} }

// Accept implements adapters.Inbox.
func (in *inbox) Accept(_ context.Context, e core.Envelope) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, was := range in.all {
		if was.ID == e.ID {
			return nil
		}
	}
	in.all = append(in.all, e)
	select {
	case in.bell <- struct{}{}:
	default:
	}
	return nil
}

// find waits for the envelope that wanted tells of.
func (in *inbox) find(t *testing.T, wanted func(core.Envelope) bool) core.Envelope {
	t.Helper()
	limit := time.After(patience)
	for {
		in.mu.Lock()
		for _, e := range in.all {
			if wanted(e) {
				in.mu.Unlock()
				return e
			}
		}
		in.mu.Unlock()
		select {
		case <-in.bell:
		case <-limit:
			t.Fatal("the message never came")
		}
	}
}

// saying is an envelope with these words.
func saying(text string) func(core.Envelope) bool {
	return func(e core.Envelope) bool { return e.Text() == text && e.Kind == core.KindMessage }
}

// answer is the index-th reply to an envelope.
func answer(e core.Envelope, index int, text string) core.Reply {
	return core.Reply{
		ID: core.ReplyTo(e.ID, index), Final: true, To: e.In, Trace: e.Trace,
		Parts: []core.Part{core.Text{Text: text, Format: core.Markdown}},
	}
}

// serve gives a simulator an address.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return web.URL
}
