package usage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models/usage"
)

// book is a store that can be away, or refuse entries.
type book struct {
	mu    sync.Mutex
	err   error
	bad   string // the request of an entry that it refuses
	hang  bool
	have  map[string]int
	calls int
}

func (b *book) WriteUsage(ctx context.Context, entries []usage.Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.hang {
		<-ctx.Done()
		return fault.New(fault.Retryable, "write", ctx.Err())
	}
	if b.err != nil {
		return b.err
	}
	for _, e := range entries {
		if e.Request == b.bad {
			return fault.New(fault.Permanent, "write", errors.New("no such entry"))
		}
	}
	if b.have == nil {
		b.have = map[string]int{}
	}
	for _, e := range entries {
		b.have[e.Request]++
	}
	return nil
}

func (b *book) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func entry(n int) usage.Entry {
	return usage.Entry{Request: fmt.Sprint("r", n), Attempt: 1, Outcome: usage.Served, Prompt: 10, Completion: 5, Micros: 7}
}

// bench runs a Recorder in a bubble; stop ends it and gives what was logged.
func bench(t *testing.T, o usage.RecorderOptions) (r *usage.Recorder, stop func() string) {
	t.Helper()
	var log bytes.Buffer
	o.Log = zerolog.New(zerolog.SyncWriter(&log))
	r = usage.NewRecorder(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, func() string {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		return log.String()
	}
}

func wantStats(t *testing.T, r *usage.Recorder, want usage.Stats) {
	t.Helper()
	if got := r.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestRecorderGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		r, stop := bench(t, usage.RecorderOptions{Store: b})
		for n := range 300 {
			r.Record(entry(n))
		}
		synctest.Wait()
		wantStats(t, r, usage.Stats{Waiting: 300})
		time.Sleep(2 * time.Second)
		wantStats(t, r, usage.Stats{Written: 300})
		if b.calls != 2 {
			t.Errorf("%d calls for 300 entries", b.calls)
		}
		r.Record(entry(300))
		if log := stop(); log != "" { // at once: what is there is written
			t.Errorf("it had something to say: %s", log)
		}
		wantStats(t, r, usage.Stats{Written: 301})
	})
}

// A store that is away is waited for; what has no room meanwhile is counted and told.
func TestRecorderOutlivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{err: fault.New(fault.Retryable, "write", errors.New("away"))}
		r, stop := bench(t, usage.RecorderOptions{Store: b, Held: 500})
		for n := range 503 {
			r.Record(entry(n))
		}
		time.Sleep(time.Hour)
		wantStats(t, r, usage.Stats{Waiting: 500, Dropped: 3})
		if b.calls < 100 || b.calls > 130 {
			t.Errorf("it was asked %d times in an hour", b.calls)
		}
		b.set(nil)
		time.Sleep(time.Minute)
		wantStats(t, r, usage.Stats{Written: 500, Dropped: 3})
		r.Record(entry(1000))
		time.Sleep(2 * time.Second)
		log := stop()
		wantStats(t, r, usage.Stats{Written: 501, Dropped: 3})
		if strings.Count(log, "no more entries can wait") != 1 || strings.Count(log, `"entries":3,"tokens":45,"micros":21`) != 1 {
			t.Errorf("it did not say what it dropped: %s", log)
		}
		for n, times := range b.have {
			if times != 1 {
				t.Errorf("%s was written %d times", n, times)
			}
		}
	})
}

func TestRecorderDropsWhatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{bad: "r7"}
		r, stop := bench(t, usage.RecorderOptions{Store: b})
		for n := range 20 {
			r.Record(entry(n))
		}
		time.Sleep(2 * time.Second)
		wantStats(t, r, usage.Stats{Written: 19, Dropped: 1})
		if log := stop(); !strings.Contains(log, "would not have") || len(b.have) != 19 {
			t.Errorf("%d are kept; %s", len(b.have), log)
		}
	})
}

func TestRecorderEnds(t *testing.T) {
	for name, b := range map[string]*book{
		"away": {err: fault.New(fault.NeedsHuman, "write", errors.New("no such user"))}, "hangs": {hang: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, stop := bench(t, usage.RecorderOptions{Store: b, Grace: 3 * time.Second})
			r.Record(entry(1))
			r.Record(entry(2))
			time.Sleep(500 * time.Millisecond)
			began := time.Now()
			log := stop()
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("%s: it took %v", name, took)
			}
			r.Record(entry(3)) // behind the end
			wantStats(t, r, usage.Stats{Dropped: 3})
			if !strings.Contains(log, `"entries":2`) {
				t.Errorf("%s: it did not say what it dropped: %s", name, log)
			}
		})
	}
}

// An end in the middle of a write loses nothing of a store that comes back.
func TestRecorderEndsInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{err: fault.New(fault.Retryable, "write", errors.New("away"))}
		r, stop := bench(t, usage.RecorderOptions{Store: b})
		r.Record(entry(1))
		time.Sleep(10 * time.Second)
		b.set(nil)
		stop()
		wantStats(t, r, usage.Stats{Written: 1})
	})
}

func TestRecorderIsForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		r, stop := bench(t, usage.RecorderOptions{Store: b, Held: 1 << 20})
		var group sync.WaitGroup
		for g := range 8 {
			group.Go(func() {
				for n := range 100 {
					r.Record(entry(g*100 + n))
				}
			})
		}
		group.Wait()
		stop()
		wantStats(t, r, usage.Stats{Written: 800})
		if len(b.have) != 800 {
			t.Errorf("%d entries are kept", len(b.have))
		}
	})
}
