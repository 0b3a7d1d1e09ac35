package simulators_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/simulators"
)

func newScript(f *feed) *simulators.Script[string] { return simulators.NewScript[string](f) }

func all(string) bool { return true }

// taken writes down what meets a number of calls, with "-" for nothing.
func taken(s *simulators.Script[string], calls int) string {
	var met []string
	for range calls {
		name := "-"
		if h := s.Take(all); h != nil {
			name = h.Fault
		}
		met = append(met, name)
	}
	return strings.Join(met, " ")
}

func TestScriptOrder(t *testing.T) {
	s := newScript(newFeed(0, 0))
	s.Add("once", 0, 0)
	s.Add("late", 2, 1) // its two go to those behind it
	s.Add("twice", 0, 2)
	always := s.Add("always", 0, -1)
	if got, want := taken(s, 6), "once twice twice late always always"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := always.Hits(); n != 2 {
		t.Errorf("%d hits", n)
	}
	always.Remove()
	always.Remove()
	if got := taken(s, 1); got != "-" {
		t.Errorf("%q met a call after it was removed", got)
	}
	if first, second := s.Add("x", 0, 1), s.Add("y", 0, 1); first.ID() != 5 || second.ID() != 6 {
		t.Errorf("ids %d and %d", first.ID(), second.ID())
	}
}

func TestScriptMeetsWhatMatches(t *testing.T) {
	s := newScript(newFeed(0, 0))
	skipped := s.Add("b", 1, 1)
	for _, call := range []string{"a", "b", "a", "b"} {
		h := s.Take(func(f string) bool { return f == call })
		if call == "a" && h != nil {
			t.Error("met a call of another kind")
		}
	}
	if skipped.Hits() != 1 {
		t.Errorf("%d hits: only matches count as skipped", skipped.Hits())
	}
}

func TestWaitHits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(0, 0)
		s := newScript(f)
		h := s.Add("x", 0, -1)
		ended := make(chan error, 1)
		go func() { ended <- h.WaitHits(t.Context(), 2) }()
		s.Take(all)
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("ended after one hit: %v", err)
		default:
		}
		s.Take(all)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		f.Close()
		if err := h.WaitHits(t.Context(), 3); !errors.Is(err, simulators.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

func TestHold(t *testing.T) {
	for name, test := range map[string]struct {
		delay time.Duration
		end   func(h *simulators.Injected[string], stop context.CancelFunc)
		want  string
	}{
		"released":     {end: func(h *simulators.Injected[string], _ context.CancelFunc) { h.Release(); h.Release() }, want: "true 0s"},
		"removed":      {end: func(h *simulators.Injected[string], _ context.CancelFunc) { h.Remove() }, want: "true 0s"},
		"closed":       {end: func(_ *simulators.Injected[string], stop context.CancelFunc) { stop() }, want: "false 0s"},
		"after a time": {delay: time.Minute, end: func(*simulators.Injected[string], context.CancelFunc) {}, want: "true 1m0s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			h := newScript(newFeed(0, 0)).Add("x", 0, 1)
			began := time.Now()
			ended := make(chan string, 1)
			go func() { ended <- fmt.Sprint(h.Hold(ctx, test.delay), time.Since(began)) }()
			synctest.Wait()
			select {
			case got := <-ended:
				t.Errorf("%s: did not hold: %s", name, got)
				return
			default:
			}
			test.end(h, stop)
			if got := <-ended; got != test.want {
				t.Errorf("%s: %q, want %q", name, got, test.want)
			}
		})
	}
}

// Many calls at once are met as often as the script says.
func TestScriptIsSafe(t *testing.T) {
	s := newScript(newFeed(0, 0))
	h := s.Add("x", 10, 50)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() { taken(s, 20) })
	}
	calls.Wait()
	if h.Hits() != 50 {
		t.Errorf("%d hits", h.Hits())
	}
}
