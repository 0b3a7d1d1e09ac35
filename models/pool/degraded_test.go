package pool_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/pool"
)

// shares asks n times, one after the other, and gives the first worker's part.
func (r *rig) shares(t *testing.T, n int) float64 {
	t.Helper()
	before, other := r.workers[0].calls.Load(), r.workers[1].calls.Load()
	for range n {
		r.ask(t)
	}
	first := float64(r.workers[0].calls.Load() - before)
	return first / (first + float64(r.workers[1].calls.Load()-other))
}

func TestDegradedByFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		flaky := &changing{}
		flaky.set(func(ctx context.Context, yield func(models.Delta, error) bool) {
			if n++; n%4 == 0 { // never three in a row, never half
				fails(errDown)(ctx, yield)
				return
			}
			after(100*time.Millisecond, "a")(ctx, yield)
		})
		r := newRig(pool.Options{Policy: models.PolicyRoundRobin}, flaky.chat, after(100*time.Millisecond, "b"))
		r.shares(t, 60)
		r.wantStates(t, models.StateDegraded, models.StateReady)
		flaky.set(after(100*time.Millisecond, "a"))
		if part := r.shares(t, 100); part < 0.1 || part > 0.3 {
			t.Errorf("a degraded worker got %.2f of the requests", part)
		}
		time.Sleep(30 * time.Second)
		r.shares(t, 20)
		r.wantStates(t, models.StateReady, models.StateReady)
		if part := r.shares(t, 100); part < 0.45 {
			t.Errorf("a worker that is well again got %.2f of the requests", part)
		}
	})
}

func TestDegradedBySlowness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &changing{now: after(2*time.Second, "a")}
		r := newRig(pool.Options{Policy: models.PolicyRoundRobin}, slow.chat, after(300*time.Millisecond, "b"))
		r.shares(t, 40)
		r.wantStates(t, models.StateDegraded, models.StateReady)
		slow.set(after(300*time.Millisecond, "a"))
		r.shares(t, 400)
		r.wantStates(t, models.StateReady, models.StateReady)
	})
}

// TestDegradedByPatience: a worker that was too busy comes back with a part of its share.
func TestDegradedByPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &changing{now: fails(errLimited)}
		r := newRig(pool.Options{Policy: models.PolicyRoundRobin}, w.chat, says("b"))
		r.shares(t, 10)
		r.wantStates(t, models.StateDegraded, models.StateReady)
		w.set(says("a"))
		if part := r.shares(t, 100); part != 0 {
			t.Errorf("a worker that asked for patience got %.2f", part)
		}
		time.Sleep(7 * time.Second)
		if part := r.shares(t, 100); part < 0.1 || part > 0.3 {
			t.Errorf("it got %.2f afterwards", part)
		}
	})
}

// TestRamp: a worker that comes back gets its share slowly.
func TestRamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &changing{now: fails(errDown)}
		r := newRig(pool.Options{Policy: models.PolicyRoundRobin}, w.chat, says("b"))
		r.shares(t, 10)
		r.wantStates(t, models.StateOpen, models.StateReady)
		w.set(says("a"))
		time.Sleep(2 * time.Second)
		r.shares(t, 2)
		r.wantStates(t, models.StateReady, models.StateReady)
		last := 0.0
		for range 4 {
			part := r.shares(t, 100)
			if part < last {
				t.Errorf("its share went from %.2f to %.2f", last, part)
			}
			last = part
			time.Sleep(10 * time.Second)
		}
		if first := r.shares(t, 100); first < 0.45 {
			t.Errorf("after half a minute it got %.2f", first)
		}
	})
}

// TestOversizedPromptsChangeNothing: no refusal of a worker counts against it.
func TestOversizedPromptsChangeNothing(t *testing.T) {
	p, _ := fleet(t, 3, modeltest.Options{})
	askMany(t, p, 40, false)
	q, servers := fleet(t, 3, modeltest.Options{Faults: []modeltest.Fault{{Kind: modeltest.Overflow}}})
	for i := range 1000 {
		if i == 500 {
			for _, s := range servers {
				s.SetFaults(modeltest.Fault{Kind: modeltest.BadRequest})
			}
		}
		modeltest.Collect(t, t.Context(), q, modeltest.Ask("hi"))
	}
	for _, w := range q.Workers() {
		if w.State != models.StateNew || w.Err != nil || w.InFlight != 0 {
			t.Errorf("%+v", w)
		}
	}
}
