package simulators_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/parley-hub/parley/simulators"
)

// The events and calls of these tests are their own sequence numbers.
type feed = simulators.Feed[int64, int64]

func same(seq int64) int64 { return seq }

func newFeed(events, calls int) *feed { return simulators.NewFeed[int64, int64](events, calls) }

func TestTranscriptKeepsTheNewest(t *testing.T) {
	for _, test := range []struct {
		most, told int
		after      int64
		want       []int64
	}{
		{most: 3, told: 0, want: []int64{}},
		{most: 3, told: 2, want: []int64{1, 2}},
		{most: 3, told: 3, want: []int64{1, 2, 3}},
		{most: 3, told: 5, want: []int64{3, 4, 5}},
		{most: 3, told: 5, after: 2, want: []int64{3, 4, 5}},
		{most: 3, told: 5, after: 3, want: []int64{4, 5}},
		{most: 3, told: 5, after: 5, want: []int64{}},
		{most: 3, told: 5, after: 9, want: []int64{}},
		{most: 3, told: 5, after: -1 << 63, want: []int64{3, 4, 5}},
		{most: 1, told: 5, want: []int64{5}},
		{most: 0, told: 5, want: []int64{}},
		{most: -1, told: 5, want: []int64{}},
	} {
		f := newFeed(test.most, test.most)
		for range test.told {
			f.Publish(same)
			f.Record(same)
		}
		if got := f.Events(test.after); !slices.Equal(got, test.want) || got == nil {
			t.Errorf("%+v: events %v", test, got)
		}
		if test.after == 0 && !slices.Equal(f.Calls(), test.want) {
			t.Errorf("%+v: calls %v", test, f.Calls())
		}
	}
}

func TestSubscription(t *testing.T) {
	f := newFeed(0, 0)
	f.Publish(same)
	sub, slow := f.Subscribe(8), f.Subscribe(1)
	for range 3 {
		f.Publish(same)
	}
	sub.Close()
	sub.Close()
	f.Publish(same)
	var got []int64
	for e := range sub.C {
		got = append(got, e)
	}
	if !slices.Equal(got, []int64{2, 3, 4}) || sub.Lost() != 0 {
		t.Errorf("got %v, lost %d", got, sub.Lost())
	}
	if slow.Lost() != 3 {
		t.Errorf("lost %d, want 3", slow.Lost())
	}
	f.Close()
	f.Close()
	slow.Close()
	if e, open := <-slow.C; !open || e != 2 {
		t.Errorf("event %d, open %v: what was told before the end is read", e, open)
	}
	if _, open := <-slow.C; open {
		t.Error("a subscription outlived its server")
	}
	if _, open := <-f.Subscribe(1).C; open {
		t.Error("a subscription to a closed server")
	}
}

// Everything that happens makes those who wait look again.
func TestWait(t *testing.T) {
	for name, happens := range map[string]func(*feed){
		"an event": func(f *feed) { f.Publish(same) },
		"a call":   func(f *feed) { f.Record(same) },
		"a touch":  func(f *feed) { f.Touch() },
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed(1, 1)
			var mu sync.Mutex
			asked := 0
			ended := make(chan error, 1)
			go func() {
				ended <- f.Wait(t.Context(), func() bool {
					mu.Lock()
					defer mu.Unlock()
					asked++
					return asked == 2
				})
			}()
			synctest.Wait()
			mu.Lock()
			if asked != 1 {
				t.Errorf("%s: asked %d times before it", name, asked)
			}
			mu.Unlock()
			happens(f)
			if err := <-ended; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestWaitEnds(t *testing.T) {
	never := func() bool { return false }
	f := newFeed(1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Wait(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- f.Wait(t.Context(), never) }()
	f.Close()
	if err := <-ended; !errors.Is(err, simulators.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := f.Wait(t.Context(), func() bool { return true }); err != nil {
		t.Errorf("got %v for what holds already", err)
	}
}

// Numbers have no gaps and events keep their order, whoever writes and reads.
func TestFeedIsSafe(t *testing.T) {
	const each = 200
	f := newFeed(8*each, 8*each)
	sub := f.Subscribe(8 * each)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range each {
				f.Publish(same)
				f.Record(same)
				f.Events(0)
			}
		})
	}
	if err := f.Wait(t.Context(), func() bool { return len(f.Calls()) == 8*each }); err != nil {
		t.Fatal(err)
	}
	writers.Wait()
	f.Close()
	next := int64(1)
	for e := range sub.C {
		if e != next {
			t.Fatalf("event %d, want %d", e, next)
		}
		next++
	}
	if next != 8*each+1 || sub.Lost() != 0 {
		t.Errorf("%d events, %d lost", next-1, sub.Lost())
	}
}
