package admission

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// flaky is a Memory that can be away, and counts.
type flaky struct {
	*Memory
	mu          sync.Mutex
	err         error
	reads, adds int
	hold        chan struct{}
}

func (f *flaky) Spent(ctx context.Context, p Purse) (Sum, error) {
	f.mu.Lock()
	f.reads++
	err, hold := f.err, f.hold
	f.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return Sum{}, ctx.Err()
		}
	}
	if err != nil {
		return Sum{}, err
	}
	return f.Memory.Spent(ctx, p)
}

func (f *flaky) Add(ctx context.Context, what []Spent) ([]Sum, error) {
	f.mu.Lock()
	f.adds++
	err := f.err
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return f.Memory.Add(ctx, what)
}

func (f *flaky) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	alice = models.Payer{Account: "bot", Person: "alice", Role: "guest"}
	bob   = models.Payer{Account: "bot", Person: "bob", Role: "guest"}
	away  = fault.New(fault.Retryable, "read", errors.New("away"))
)

func tokens(n int64) Sum { return Sum{Tokens: n} }

func each(scope models.Scope, day, month int64) models.Budget {
	return models.Budget{Scope: scope, Day: models.Limit{Tokens: day}, Month: models.Limit{Tokens: month}}
}

func TestReserve(t *testing.T) {
	tomorrow := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	december := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		budgets []models.Budget
		spent   Sum
		by      models.Payer
		want    Sum
		resets  time.Time
		left    Sum
	}{
		"no budgets":            {nil, tokens(1e9), alice, tokens(1e9), time.Time{}, Sum{}},
		"room":                  {[]models.Budget{each(models.ScopePerson, 100, 0)}, tokens(60), alice, tokens(40), time.Time{}, Sum{}},
		"too little":            {[]models.Budget{each(models.ScopePerson, 100, 0)}, tokens(60), alice, tokens(41), tomorrow, tokens(40)},
		"nothing left":          {[]models.Budget{each(models.ScopePerson, 100, 0)}, tokens(100), alice, tokens(0), tomorrow, Sum{}},
		"somebody else's":       {[]models.Budget{each(models.ScopePerson, 100, 0)}, tokens(100), bob, tokens(100), time.Time{}, Sum{}},
		"the longer one counts": {[]models.Budget{each(models.ScopePerson, 100, 110)}, tokens(99), alice, tokens(50), december, tokens(11)},
		"shared by the role":    {[]models.Budget{each(models.ScopeRole, 100, 0)}, tokens(99), bob, tokens(2), tomorrow, tokens(1)},
		"shared by the account": {[]models.Budget{each(models.ScopeAccount, 0, 100)}, tokens(99), bob, tokens(2), december, tokens(1)},
		"another's name":        {[]models.Budget{{Scope: models.ScopePerson, Name: "bob", Day: models.Limit{Tokens: 1}}}, tokens(99), alice, tokens(2), time.Time{}, Sum{}},
		"the one of that name":  {[]models.Budget{each(models.ScopePerson, 1000, 0), {Scope: models.ScopePerson, Name: "alice", Day: models.Limit{Tokens: 100}}}, tokens(99), alice, tokens(2), tomorrow, tokens(1)},
		"the hub itself":        {[]models.Budget{each(models.ScopePerson, 1, 1), each(models.ScopeRole, 1, 1), each(models.ScopeAccount, 1, 1)}, tokens(99), models.Payer{}, tokens(2), time.Time{}, Sum{}},
		"money":                 {[]models.Budget{{Scope: models.ScopePerson, Day: models.Limit{Tokens: 1e9, Cost: 500}}}, Sum{10, 400}, alice, Sum{10, 101}, tomorrow, Sum{1e9 - 10, 100}},
	} {
		b := NewBudgets(BudgetsOptions{Budgets: test.budgets})
		first, err := b.Reserve(t.Context(), noon, alice, Sum{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		first.Settle(test.spent)
		_, err = b.Reserve(t.Context(), noon, test.by, test.want)
		if test.resets.IsZero() {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var e *Exceeded
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e.Resets != test.resets || e.Left != test.left || e.Cost != (test.want.Cost > 0) {
			t.Errorf("%s: %+v", name, e)
		}
		if fault.ClassOf(err) != fault.RateLimited || fault.Wait(err) != test.resets.Sub(noon) || fault.Public(err) == "" {
			t.Errorf("%s: %v for %v: %q", name, fault.ClassOf(err), fault.Wait(err), fault.Public(err))
		}
	}
}

func TestExceededWords(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	b := NewBudgets(BudgetsOptions{Budgets: []models.Budget{each(models.ScopePerson, 100, 0)}, Zone: berlin})
	_, err = b.Reserve(t.Context(), noon, alice, tokens(101))
	if got, want := fault.Public(err), "What is left of your budget for today is too little for this. It begins anew on 22 November 2026 at 00:00 (CET)."; got != want {
		t.Errorf("%q", got)
	}
	if got, want := err.Error(), "reserve budget: the person's tokens of the day do not suffice until 2026-11-22T00:00:00+01:00"; got != want {
		t.Errorf("%q", got)
	}
}

func TestReservationsCount(t *testing.T) {
	b := NewBudgets(BudgetsOptions{Budgets: []models.Budget{each(models.ScopePerson, 100, 0)}})
	r, err := b.Reserve(t.Context(), noon, alice, tokens(80))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Reserve(t.Context(), noon, alice, tokens(30)); !errors.Is(err, ErrSetAside) || fault.Wait(err) > time.Minute {
		t.Errorf("%v, wait %v", err, fault.Wait(err))
	}
	r.Settle(tokens(10))
	r.Settle(tokens(1000))
	r.Release()
	second, err := b.Reserve(t.Context(), noon, alice, tokens(90))
	if err != nil {
		t.Fatalf("10 were used of 100: %v", err)
	}
	second.Release()
	if _, err := b.Reserve(t.Context(), noon, alice, tokens(90)); err != nil {
		t.Fatalf("nothing of it was used: %v", err)
	}
}

func TestANewDay(t *testing.T) {
	b := NewBudgets(BudgetsOptions{Budgets: []models.Budget{each(models.ScopePerson, 100, 0)}})
	late := noon.Add(12*time.Hour - time.Second)
	r, err := b.Reserve(t.Context(), late, alice, tokens(100))
	if err != nil {
		t.Fatal(err)
	}
	today, err := b.Reserve(t.Context(), late.Add(time.Second), alice, tokens(100))
	if err != nil {
		t.Fatalf("a new day: %v", err)
	}
	// What was reserved yesterday is yesterday's, though it comes later.
	r.Settle(tokens(100))
	today.Release()
	if _, err := b.Reserve(t.Context(), late.Add(time.Second), alice, tokens(100)); err != nil {
		t.Errorf("yesterday's is taken from today: %v", err)
	}
}

func TestNodesShareTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Memory: NewMemory()}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		node := func() *Budgets {
			b := NewBudgets(BudgetsOptions{Budgets: []models.Budget{each(models.ScopePerson, 100, 0)}, Store: store})
			running.Go(func() { _ = b.Run(ctx) })
			return b
		}
		one, two := node(), node()
		if _, err := two.Reserve(ctx, time.Now(), alice, tokens(1)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			r, err := one.Reserve(ctx, time.Now(), alice, tokens(30))
			if err != nil {
				t.Fatal(err)
			}
			r.Settle(tokens(30))
		}
		time.Sleep(seenWithin + gather)
		var e *Exceeded
		if _, err := two.Reserve(ctx, time.Now(), alice, tokens(11)); !errors.As(err, &e) || e.Left != tokens(10) {
			t.Errorf("%v: 90 of 100 were spent on the other node", err)
		}
		if store.adds != 1 {
			t.Errorf("%d writes of what could be written at once", store.adds)
		}
		// The last of it is written at the end.
		r, err := one.Reserve(ctx, time.Now(), alice, tokens(5))
		if err != nil {
			t.Fatal(err)
		}
		r.Settle(tokens(5))
		cancel()
		running.Wait()
		purse := Purse{Scope: models.ScopePerson, Name: "alice", Span: Day, Starts: time.Now().UTC().Truncate(24 * time.Hour)}
		if sum, _ := store.Memory.Spent(t.Context(), purse); sum != tokens(95) {
			t.Errorf("%+v in the store, want 95", sum)
		}
	})
}

func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Memory: NewMemory(), err: away}
		b := NewBudgets(BudgetsOptions{Budgets: []models.Budget{each(models.ScopePerson, 100, 0)}, Store: store})
		if _, err := b.Reserve(t.Context(), time.Now(), alice, tokens(1)); fault.ClassOf(err) != fault.Retryable {
			t.Errorf("%v", err)
		}
		store.set(nil)
		r, err := b.Reserve(t.Context(), time.Now(), alice, tokens(1))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = b.Run(ctx) })
		store.set(away)
		r.Settle(tokens(60))
		time.Sleep(time.Minute)
		store.set(nil)
		var e *Exceeded
		if _, err := b.Reserve(t.Context(), time.Now(), alice, tokens(50)); !errors.As(err, &e) || e.Left != tokens(40) {
			t.Errorf("%v: what could not be written counts all the same", err)
		}
		time.Sleep(2 * longestWait)
		synctest.Wait()
		if sum, _ := store.Memory.Spent(t.Context(), Purse{models.ScopePerson, "alice", Day, time.Now().UTC().Truncate(24 * time.Hour)}); sum != tokens(60) {
			t.Errorf("%+v was written", sum)
		}
		cancel()
		running.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.purses) > 1 {
			t.Errorf("%d purses", len(b.purses))
		}
	})
}

func TestManyAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Memory: NewMemory(), hold: make(chan struct{})}
		b := NewBudgets(BudgetsOptions{Budgets: []models.Budget{each(models.ScopeAccount, 100, 0)}, Store: store})
		var asking sync.WaitGroup
		refused := make(chan error, 100)
		for i := range 100 {
			asking.Go(func() {
				if _, err := b.Reserve(t.Context(), time.Now(), models.Payer{Account: "bot", Person: fmt.Sprint(i)}, tokens(2)); err != nil {
					refused <- err
				}
			})
		}
		gone, leave := context.WithCancel(t.Context())
		asking.Go(func() {
			if _, err := b.Reserve(gone, time.Now(), alice, tokens(1)); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		close(store.hold)
		asking.Wait()
		if store.reads > 2 || len(refused) != 50 {
			t.Errorf("%d reads, %d refused", store.reads, len(refused))
		}
	})
}

func TestPeriods(t *testing.T) {
	zones := make([]*time.Location, 0, 8)
	// Clocks change at midnight in some of them.
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Santiago", "Asia/Beirut", "America/Sao_Paulo", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, zone)
	}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		now := time.Unix(rapid.Int64Range(1_600_000_000, 2_000_000_000).Draw(t, "now"), 0).In(zone)
		for _, span := range []Span{Day, Month} {
			from, until := span.begins(now, zone)
			if !until.After(now) || from.After(now.Add(time.Hour)) || from.Day() != now.Day() && span == Day {
				t.Fatalf("%s of %v: %v to %v", span, now, from, until)
			}
			again, _ := span.begins(until, zone)
			if !again.Equal(until) {
				t.Fatalf("%s after %v begins at %v, not %v", span, now, again, until)
			}
			if span == Month && (from.Day() != 1 || from.Month() != now.Month()) {
				t.Fatalf("month of %v begins %v", now, from)
			}
		}
	})
}

// No order of reserving and settling lets one node spend more than the budget when
// nothing takes more than was reserved.
func TestNeverBeyondTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(1, 1000).Draw(t, "limit")
		b := NewBudgets(BudgetsOptions{Budgets: []models.Budget{each(models.ScopeAccount, limit, 0)}})
		var open []*Reservation
		spent, reserved := int64(0), int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(open) > 0 && rapid.Bool().Draw(t, "settle") {
				r := open[0]
				open = open[1:]
				used := rapid.Int64Range(0, r.want.Tokens).Draw(t, "used")
				r.Settle(tokens(used))
				spent += used
				reserved -= r.want.Tokens
				continue
			}
			want := rapid.Int64Range(0, limit).Draw(t, "want")
			r, err := b.Reserve(t.Context(), noon, alice, tokens(want))
			if room := limit - spent - reserved; (err == nil) != (want <= room && spent < limit) {
				t.Fatalf("want %d with room for %d: %v", want, room, err)
			}
			if err == nil {
				open = append(open, r)
				reserved += want
			}
		}
	})
}
