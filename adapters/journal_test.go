package adapters_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/sqliteq"
)

// TestOverJournal: over the real queue, with an engine that is closed again and
// again in the middle of the work and a platform that fails at random, every reply
// arrives in order, and what stands twice was counted.
func TestOverJournal(t *testing.T) {
	const chats, each, pieces, lives = 20, 4, 3, 5
	dir, b, seen := t.TempDir(), newBot("a"), &events{}
	crash := make(chan struct{}, 1)
	var calls atomic.Int64
	b.on(roughly(&calls, chats*each*pieces/lives, crash), nil)
	for life := range lives {
		// Each life lasts for as many calls: ended sooner, a message could be in doubt twice,
		// and then it is buried.
		calls.Store(0)
		select {
		case <-crash:
		default:
		}
		engine, err := sqliteq.Open(t.Context(), sqliteq.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if life == 0 {
			for i := range each {
				for c := range chats {
					text := fmt.Sprintf("%[1]d.0\n%[1]d.1\n%[1]d.2", i)
					publish(t, engine, reply(private("a", core.ChatID(fmt.Sprint(c))), core.ReplyID(fmt.Sprintf("c%d.%d", c, i)), text))
				}
			}
		}
		d := adapters.NewDeliverer(adapters.DelivererOptions{
			Queue: engine, Adapters: map[core.Account]adapters.Adapter{"a": b}, Observer: seen, Log: zerolog.Nop(),
			MaxAttempts: 1000, Backoff: func(int) time.Duration { return time.Millisecond },
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		end := crash // of all lives but the last; on a busy machine the first ones may do all the work
		if life == lives-1 {
			end = nil
		}
		untilEmpty(t, engine, end)
		if err := engine.Close(); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, queue.ErrClosed) {
			t.Fatal(err)
		}
	}
	twice := 0
	for c := range chats {
		var once []string
		for _, text := range b.stands(core.ChatID(fmt.Sprint(c))) {
			if n := len(once); n > 0 && once[n-1] == text {
				twice++
				continue
			}
			once = append(once, text)
		}
		if got, want := strings.Join(once, " "), "0.0 0.1 0.2 1.0 1.1 1.2 2.0 2.1 2.2 3.0 3.1 3.2"; got != want {
			t.Errorf("chat %d shows %s", c, got)
		}
	}
	if counted := seen.count(core.StageUnsure); twice > counted {
		t.Errorf("%d messages stand twice, %d were counted", twice, counted)
	}
	if n := seen.count(core.StageBuried); n != 0 {
		t.Errorf("%d buried", n)
	}
}

// roughly makes a platform that fails now and then, and rings crash every so many
// calls.
func roughly(calls *atomic.Int64, every int64, crash chan<- struct{}) func(context.Context, string) error {
	var mu sync.Mutex
	dice := rand.New(rand.NewPCG(1, 2))
	return func(context.Context, string) error {
		mu.Lock()
		defer mu.Unlock()
		if calls.Add(1)%every == 0 {
			select {
			case crash <- struct{}{}:
			default:
			}
		}
		if dice.IntN(10) == 0 {
			return fault.New(fault.Retryable, "send", errTest, fault.WithWait(time.Millisecond))
		}
		return nil
	}
}

// untilEmpty waits until the outbox holds nothing, or end says so.
func untilEmpty(t *testing.T, q queue.Queue, end <-chan struct{}) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		s, err := q.Stats(t.Context(), queue.Outbox)
		if err != nil {
			t.Fatal(err)
		}
		if s.Items == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			return
		case <-deadline:
			t.Fatalf("the outbox does not get empty: %+v", s)
		}
	}
}
