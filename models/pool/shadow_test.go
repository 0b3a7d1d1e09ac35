package pool_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/pool"
)

// theatre is a pool whose version green answers copies.
type theatre struct {
	t *testing.T
	*pool.Pool
	blue, green *scripted

	mu       sync.Mutex
	accounts map[string]int
	settled  int
	refuse   error
}

func inTheatre(t *testing.T, share float64, green script, test func(th *theatre)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		th := &theatre{t: t, blue: &scripted{chat: says("blue")}, green: &scripted{chat: green}, accounts: map[string]int{}}
		probe := func(context.Context) error { return nil }
		th.Pool = pool.New(pool.Options{
			Name: "main", Total: time.Minute,
			Versions: []pool.Version{
				{Name: "blue", Model: "m", Weight: 1, Workers: []pool.Worker{{Name: "b", Client: th.blue, Probe: probe}}},
				{Name: "green", Model: "n", Workers: []pool.Worker{{Name: "g", Client: th.green, Probe: probe, Slots: 4}}},
			},
			Account: func(a pool.Attempt) {
				th.mu.Lock()
				defer th.mu.Unlock()
				th.accounts[a.Version+" "+string(a.Outcome)+" "+a.For.Account]++
			},
			Shadow: pool.Shadow{Version: "green", Share: share, Admit: func(r models.Request) (func(models.Usage), error) {
				th.mu.Lock()
				defer th.mu.Unlock()
				return func(models.Usage) {
					th.mu.Lock()
					defer th.mu.Unlock()
					th.settled++
				}, th.refuse
			}},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = th.Run(ctx) }()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		test(th)
		cancel()
		<-done
		if th.Busy() {
			t.Error("a copy outlives Run")
		}
	})
}

// ask asks, and lets time pass. The answer is always blue's.
func (th *theatre) ask(times int, band models.Band) {
	th.t.Helper()
	for range times {
		r := modeltest.Ask("hi")
		r.Band, r.For.Account = band, "bot"
		if res := modeltest.Collect(th.t, th.t.Context(), th.Pool, r); res.Err != nil || res.Text != "blue" {
			th.t.Errorf("%+v", res)
		}
		synctest.Wait()
	}
}

func (th *theatre) want(accounts map[string]int, settled int) {
	th.t.Helper()
	th.mu.Lock()
	defer th.mu.Unlock()
	for what, n := range accounts {
		if th.accounts[what] != n {
			th.t.Errorf("%q %d times, want %d: %v", what, th.accounts[what], n, th.accounts)
		}
	}
	if len(th.accounts) != len(accounts) || th.settled != settled {
		th.t.Errorf("%v, settled %d, want %v and %d", th.accounts, th.settled, accounts, settled)
	}
}

func TestShadowAnswersCopies(t *testing.T) {
	inTheatre(t, 1, says("green"), func(th *theatre) {
		th.ask(3, models.Interactive)
		th.want(map[string]int{"blue served bot": 3, "green shadow-waste ": 3}, 3)
		th.ask(2, models.Batch)
		th.want(map[string]int{"blue served bot": 5, "green shadow-waste ": 3}, 3)
		th.mu.Lock()
		th.refuse = errors.New("nothing is left")
		th.mu.Unlock()
		th.ask(2, models.Normal)
		th.want(map[string]int{"blue served bot": 7, "green shadow-waste ": 3}, 3)
	})
}

func TestShadowThatFailsIsTriedOnce(t *testing.T) {
	inTheatre(t, 1, fails(fault.New(fault.Retryable, "chat", errors.New("broken"))), func(th *theatre) {
		th.ask(2, models.Interactive)
		th.want(map[string]int{"blue served bot": 2, "green shadow-waste ": 2}, 2)
		if n := th.green.calls.Load(); n != 2 {
			t.Errorf("green was asked %d times, want 2", n)
		}
	})
}

// A version that is half busy gets no copies, and a copy ends with the pool's Run.
func TestShadowKeepsOutOfTheWay(t *testing.T) {
	inTheatre(t, 1, waits, func(th *theatre) {
		th.ask(10, models.Interactive)
		if n := th.green.calls.Load(); n != 2 {
			t.Errorf("%d copies are under way at 4 slots, want 2", n)
		}
	})
}

func TestShadowsShare(t *testing.T) {
	inTheatre(t, 0.25, says("green"), func(th *theatre) {
		th.ask(400, models.Interactive)
		if n := th.green.calls.Load(); n < 50 || n > 160 {
			t.Errorf("%d of 400 were copied, want about 100", n)
		}
	})
	inTheatre(t, 0, says("green"), func(th *theatre) {
		th.ask(50, models.Interactive)
		if n := th.green.calls.Load(); n > 0 {
			t.Errorf("%d were copied, want none", n)
		}
	})
}
