package pool_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
	"github.com/parley-hub/parley/models/pool"
)

// hearth is workers that are warmed.
type hearth struct {
	t *testing.T
	*pool.Pool
	options pool.Options
	// keep is how many are kept warm.
	keep int

	mu     sync.Mutex
	warmed map[string]int
	told   int
	fails  error
}

// inHearth runs a test with workers a, b and c, of which each was warmed once.
func inHearth(t *testing.T, test func(h *hearth)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &hearth{t: t, warmed: map[string]int{}}
		h.options = pool.Options{
			Name: "main", Model: "m", KeepWarm: 5 * time.Minute, Policy: models.PolicySticky,
			Warm: func(version string) int {
				if version != models.OnlyVersion {
					t.Errorf("asked for version %q", version)
				}
				h.mu.Lock()
				defer h.mu.Unlock()
				return h.keep
			},
		}
		for _, name := range []string{"a", "b", "c"} {
			h.options.Workers = append(h.options.Workers, pool.Worker{
				Name: name, Client: &scripted{chat: says(name)}, Probe: func(context.Context) error { return nil },
				Warm: func(context.Context) error {
					h.mu.Lock()
					defer h.mu.Unlock()
					h.warmed[name]++
					return h.fails
				},
				Tell: func(context.Context) (models.Server, error) {
					h.mu.Lock()
					defer h.mu.Unlock()
					h.told++
					return models.Server{Slots: h.told}, nil
				},
			})
		}
		h.Pool = pool.New(h.options)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = h.Run(ctx) }()
		h.pass(10*time.Second, "a1 b1 c1")
		test(h)
		cancel()
		<-done
	})
}

// set changes how many are kept warm, and how warming fails.
func (h *hearth) set(keep int, fails error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keep, h.fails = keep, fails
}

// times is how often workers were warmed.
func (h *hearth) times(names ...string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, name := range names {
		n += h.warmed[name]
	}
	return n
}

// pass lets time go by, and looks how often each was warmed by then.
func (h *hearth) pass(d time.Duration, want string) {
	h.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	var got []string
	for _, name := range []string{"a", "b", "c"} {
		got = append(got, fmt.Sprint(name, h.warmed[name]))
	}
	if all := strings.Join(got, " "); all != want {
		h.t.Errorf("warmed %s, want %s", all, want)
	}
}

// asked is how often a server was asked what it can do.
func (h *hearth) asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.told
}

func (h *hearth) ask() string {
	h.t.Helper()
	res := modeltest.Collect(h.t, h.t.Context(), h.Pool, modeltest.Ask("hi"))
	if res.Err != nil {
		h.t.Fatal(res.Err)
	}
	return res.Text
}

func TestIdleWorkersAreKeptWarm(t *testing.T) {
	inHearth(t, func(h *hearth) {
		h.pass(time.Hour, "a1 b1 c1")
		h.set(math.MaxInt, nil)
		h.pass(10*time.Second, "a2 b2 c2")
		h.pass(5*time.Minute, "a3 b3 c3")
		// Who was asked is warm.
		asked := h.ask()
		h.pass(time.Minute, "a3 b3 c3")
		h.set(1, nil)
		before, all := h.times(asked), h.times("a", "b", "c")
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		mine, now := h.times(asked)-before, h.times("a", "b", "c")-all
		if mine < 3 || now != mine {
			t.Errorf("%s, which was asked last, was warmed %d times of %d", asked, mine, now)
		}
		// A peak is expected: another one is warmed at once.
		h.set(2, nil)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if more := h.times("a", "b", "c") - all - now; more < 1 || more > 2 {
			t.Errorf("%d were warmed for the peak", more)
		}
	})
}

func TestWarmingThatFailsCountsNowhere(t *testing.T) {
	inHearth(t, func(h *hearth) {
		h.set(math.MaxInt, fault.New(fault.Retryable, "warm", context.DeadlineExceeded))
		h.pass(30*time.Minute, "a7 b7 c7")
		for _, w := range h.Workers() {
			if w.State != models.StateReady {
				t.Errorf("%+v", w)
			}
		}
		h.set(math.MaxInt, fault.New(fault.Retryable, "warm", models.ErrLoading))
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		for _, w := range h.Workers() {
			if w.State != models.StateWarming {
				t.Errorf("a worker that loads its model is %+v", w)
			}
		}
		h.set(0, nil)
		time.Sleep(5 * time.Second)
		h.ask()
	})
}

// A worker that is configured otherwise is asked anew what it can do; nobody waits for it.
func TestAnotherRevisionIsAskedAfresh(t *testing.T) {
	inHearth(t, func(h *hearth) {
		h.pass(time.Minute, "a1 b1 c1")
		told := h.asked()
		h.Reload(h.options)
		h.pass(time.Minute, "a1 b1 c1")
		if h.asked() != told {
			t.Error("asked for nothing")
		}
		h.options.Workers[1].Revision = "2"
		h.Reload(h.options)
		h.ask()
		h.pass(time.Minute, "a1 b1 c1")
		if n := h.asked() - told; n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
	})
}

// A request that comes while the only worker is being warmed waits for it.
func TestWaitsForTheWarming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &scripted{chat: says("a")}
		p := pool.New(pool.Options{Name: "main", Model: "m", Workers: []pool.Worker{{
			Name: "w", Client: w, Probe: func(context.Context) error { return nil },
			Warm: func(context.Context) error {
				time.Sleep(5 * time.Second)
				return nil
			},
		}}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = p.Run(ctx) }()
		synctest.Wait()
		if s := p.Workers()[0]; s.State != models.StateWarming {
			t.Errorf("%+v", s)
		}
		began := time.Now()
		if res := modeltest.Collect(t, t.Context(), p, modeltest.Ask("hi")); res.Err != nil || res.Text != "a" || time.Since(began) != 5*time.Second {
			t.Errorf("%+v after %s", res, time.Since(began))
		}
		cancel()
		<-done
	})
}

// A real client keeps a real server's model in memory over hours of nobody asking, and
// without it every first request has to wait for the model.
func TestAModelStaysLoaded(t *testing.T) {
	for keep, loads := range map[int]int{1: 1, 0: 4} {
		synctest.Test(t, func(t *testing.T) {
			server, client := modeltest.StartPiped(t, modeltest.Options{Model: "tiny", Kind: models.KindOllama, Load: 20 * time.Second, Keep: 5 * time.Minute})
			c, err := openaichat.New(openaichat.Options{Base: server.Base(), HTTP: client, Worker: "w"})
			if err != nil {
				t.Fatal(err)
			}
			p := pool.New(pool.Options{
				Name: "main", Model: "tiny", Warm: func(string) int { return keep },
				Workers: []pool.Worker{{
					Name: "w", Client: c, Probe: c.Probe,
					Warm: func(ctx context.Context) error {
						return c.Warm(ctx, openaichat.Warming{Model: "tiny", Opening: "Be kind.", Keep: 2 * pool.DefaultKeepWarm})
					},
					Tell: func(ctx context.Context) (models.Server, error) { return c.Discover(ctx, "tiny") },
				}},
			})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); _ = p.Run(ctx) }()
			for range 3 {
				time.Sleep(time.Hour)
				if res := modeltest.Collect(t, t.Context(), p, modeltest.Ask("hi")); res.Err != nil {
					t.Error(res.Err)
				}
			}
			if r := server.Residence(); r.Loads != loads {
				t.Errorf("keeping %d warm it was loaded %d times, want %d: %+v", keep, r.Loads, loads, r)
			}
			cancel()
			<-done
		})
	}
}

func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		going := make(chan struct{})
		p := pool.New(pool.Options{Name: "main", Model: "m", Workers: []pool.Worker{{Name: "w", Client: &scripted{chat: held(going, says("a"))}}}})
		if p.Busy() {
			t.Error("a pool of nothing to do is busy")
		}
		var asked sync.WaitGroup
		asked.Go(func() { modeltest.Collect(t, t.Context(), p, modeltest.Ask("hi")) })
		synctest.Wait()
		p.Reload(pool.Options{Name: "main", Model: "n", Workers: []pool.Worker{{Name: "w", Client: &scripted{chat: says("b")}}}})
		if !p.Busy() {
			t.Error("a request of before is forgotten")
		}
		close(going)
		asked.Wait()
		if p.Busy() {
			t.Error("busy without a request")
		}
	})
}

// held says something once it may.
func held(until <-chan struct{}, then script) script {
	return func(ctx context.Context, yield func(models.Delta, error) bool) {
		<-until
		then(ctx, yield)
	}
}
