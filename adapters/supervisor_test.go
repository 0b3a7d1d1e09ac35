package adapters_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// receiver is an adapter whose Run does, life by life, as the test says; behind the
// last one it receives until its end.
type receiver struct {
	adapters.Adapter
	mu    sync.Mutex
	lives []func(context.Context, adapters.Inbox) error
	began []time.Time
}

func newReceiver(lives ...func(context.Context, adapters.Inbox) error) *receiver {
	return &receiver{Adapter: newBot("a"), lives: lives}
}

func (r *receiver) Run(ctx context.Context, in adapters.Inbox) error {
	r.mu.Lock()
	life := r.Adapter.Run
	if n := len(r.began); n < len(r.lives) {
		life = r.lives[n]
	}
	r.began = append(r.began, time.Now())
	r.mu.Unlock()
	return life(ctx, in)
}

// gaps gives the times between the starts.
func (r *receiver) gaps() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []time.Duration
	for i := 1; i < len(r.began); i++ {
		out = append(out, r.began[i].Sub(r.began[i-1]))
	}
	return out
}

func fails(err error) func(context.Context, adapters.Inbox) error {
	return func(context.Context, adapters.Inbox) error { return err }
}

type anyInbox struct{}

func (anyInbox) Accept(context.Context, core.Envelope) error { return nil }

// supervise runs a Supervisor until the test ends.
func supervise(t *testing.T, a adapters.Adapter) (s *adapters.Supervisor, log *bytes.Buffer) {
	t.Helper()
	log = &bytes.Buffer{}
	s = adapters.NewSupervisor(adapters.SupervisorOptions{
		Adapter: a, Inbox: anyInbox{}, Log: zerolog.New(log).Level(zerolog.InfoLevel),
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s, log
}

// TestSupervisorByClass: what a failure makes of the health, and when it is tried again.
func TestSupervisorByClass(t *testing.T) {
	for _, test := range []struct {
		name        string
		life        func(context.Context, adapters.Inbox) error
		state       adapters.State
		code, text  string
		least, most time.Duration
	}{
		{
			"retryable", fails(fault.New(fault.Retryable, "receive", errTest)),
			adapters.StateHealing, "retryable", "as the test says", 800 * time.Millisecond, time.Second,
		},
		{
			"rate limited", fails(fault.New(fault.RateLimited, "receive", errTest, fault.WithWait(17*time.Second))),
			adapters.StateHealing, "rate_limited", "as the test says", 17 * time.Second, 17 * time.Second,
		},
		{
			"needs a human", fails(fault.New(fault.NeedsHuman, "receive", errTest, fault.WithPublic("get a new token"))),
			adapters.StateNeedsHuman, "needs_human", "get a new token", 48 * time.Second, time.Minute,
		},
		{
			"permanent", fails(fault.New(fault.Permanent, "receive", errTest)),
			adapters.StateFatal, "permanent", "as the test says", 4 * time.Minute, 5 * time.Minute,
		},
		{"not classified", fails(errTest), adapters.StateFatal, "bug", "as the test says", 4 * time.Minute, 5 * time.Minute},
		{
			"nil", fails(nil), adapters.StateHealing, adapters.CodeStopped, "ended by itself", 800 * time.Millisecond, time.Second,
		},
		{
			"panic", func(context.Context, adapters.Inbox) error { panic("oh") },
			adapters.StateFatal, adapters.CodePanic, "panic: oh", 4 * time.Minute, 5 * time.Minute,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver(test.life)
				s, _ := supervise(t, r)
				synctest.Wait()
				h := s.Health()
				if h.State != test.state || h.Code != test.code || !strings.Contains(h.Text, test.text) {
					t.Errorf("health %+v", h)
				}
				if h.Account != "a" || h.Platform != "test" {
					t.Errorf("whose health? %+v", h)
				}
				for began := time.Now(); len(r.gaps()) == 0 && time.Since(began) < time.Hour; {
					elapse(10 * time.Millisecond)
				}
				if got := r.gaps(); len(got) != 1 || got[0] < test.least || got[0] > test.most {
					t.Errorf("started again after %v, want %v to %v", got, test.least, test.most)
				}
				if h := s.Health(); h.State != test.state {
					t.Errorf("well at once: %+v", h)
				}
				elapse(10 * time.Second)
				if h := s.Health(); h.State != adapters.StateHealthy || h.Text != "" {
					t.Errorf("not well again: %+v", h)
				}
			})
		})
	}
}

// TestSupervisorBackoff: waits double up to a minute and begin anew after a healthy one.
func TestSupervisorBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := fails(fault.New(fault.Retryable, "receive", errTest))
		lives := []func(context.Context, adapters.Inbox) error{bad, bad, bad, bad, bad, bad, bad, bad}
		lives = append(lives, func(context.Context, adapters.Inbox) error {
			elapse(2 * time.Minute)
			return fault.New(fault.Retryable, "receive", errTest)
		}, bad)
		r := newReceiver(lives...)
		supervise(t, r)
		elapse(time.Hour)
		want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 121, 2}
		got := r.gaps()
		if len(got) != len(want) {
			t.Fatalf("started again after %v", got)
		}
		for i, gap := range got {
			if most := want[i] * time.Second; gap > most || gap < most*4/5 {
				t.Errorf("gap %d is %v, want up to %v", i, gap, most)
			}
		}
	})
}

// TestSupervisorTellsOnce: a state is told when it begins, not each time it is met.
func TestSupervisorTellsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := fails(fault.New(fault.NeedsHuman, "receive", errTest))
		r := newReceiver(bad, bad, bad, func(ctx context.Context, in adapters.Inbox) error {
			if err := in.Accept(ctx, core.Envelope{}); err != nil {
				return err
			}
			<-ctx.Done()
			return errors.New("told to end")
		})
		s, log := supervise(t, r)
		synctest.Wait()
		since := s.Health().Since
		elapse(2 * time.Minute)
		if h := s.Health(); h.Since != since {
			t.Errorf("since %v, want %v", h.Since, since)
		}
		elapse(time.Hour)
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], `"state":"needs_human"`) || !strings.Contains(lines[1], `"state":"healthy"`) {
			t.Errorf("logged:\n%s", log)
		}
	})
}

// A receiver that nobody writes to is healthy once the platform let it in.
func TestSupervisorBelievesConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := make(chan struct{})
		s, _ := supervise(t, newReceiver(func(ctx context.Context, inbox adapters.Inbox) error {
			<-in
			adapters.Connected(inbox)
			<-ctx.Done()
			return nil
		}))
		synctest.Wait()
		if h := s.Health(); h.State != adapters.StateStarting {
			t.Errorf("%+v before it was let in", h)
		}
		close(in)
		synctest.Wait()
		if h := s.Health(); h.State != adapters.StateHealthy {
			t.Errorf("%+v after it was let in", h)
		}
	})
}
