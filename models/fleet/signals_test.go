package fleet_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
)

// monday is one, at midnight.
var monday = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// traffic is requests on a clock that is moved by hand.
type traffic struct {
	*fleet.Signals
	now time.Time
	rnd *rand.Rand
}

func newTraffic(o fleet.SignalsOptions) *traffic {
	tr := &traffic{now: monday, rnd: rand.New(rand.NewPCG(1, 2))}
	o.Now = func() time.Time { return tr.now }
	tr.Signals = fleet.NewSignals(o)
	return tr
}

// run lets time pass, with so many requests a minute at each moment, as chance has it.
func (tr *traffic) run(d time.Duration, perMinute func(time.Time) float64, took time.Duration) {
	for end := tr.now.Add(d); tr.now.Before(end); tr.now = tr.now.Add(time.Minute) {
		for range tr.poisson(perMinute(tr.now)) {
			tr.Arrived()
			tr.Served(took)
		}
	}
}

func (tr *traffic) poisson(mean float64) (n int) {
	for p := tr.rnd.Float64(); p > math.Exp(-mean); p *= tr.rnd.Float64() {
		n++
	}
	return n
}

func steady(perMinute float64) func(time.Time) float64 {
	return func(time.Time) float64 { return perMinute }
}

var two = fleet.Load{Slots: 16, Workers: 2}

func TestSignalsSteady(t *testing.T) {
	tr := newTraffic(fleet.SignalsOptions{})
	tr.run(2*time.Hour, steady(60), 10*time.Second)
	// 60 a minute of 10 s are 10 slots in use; with what chance adds 12 to 14, and at 70 %
	// of 8 slots a worker three workers.
	a := tr.Advise(two)
	if a.PerMinute < 45 || a.PerMinute > 75 || a.Expected < a.PerMinute+8 || a.Expected > a.PerMinute+25 || a.Workers != 3 {
		t.Errorf("%+v", a)
	}
	fresh := fleet.NewSignals(fleet.SignalsOptions{Now: func() time.Time { return tr.now }})
	if a := fresh.Advise(fleet.Load{}); a != (fleet.Advice{Workers: 1}) {
		t.Errorf("nothing came, and %+v", a)
	}
}

// workday has its peak from 8 to 12 on five days of the week.
func workday(at time.Time) float64 {
	if day := at.Weekday(); at.Hour() >= 8 && at.Hour() < 12 && day != time.Saturday && day != time.Sunday {
		return 50
	}
	return 3
}

func TestSignalsKnowTheWeek(t *testing.T) {
	tr := newTraffic(fleet.SignalsOptions{})
	tr.run(14*24*time.Hour+7*time.Hour+30*time.Minute, workday, 20*time.Second)
	before := tr.Advise(two)
	tr.run(22*time.Minute, workday, 20*time.Second)
	ahead := tr.Advise(two)
	tr.run(68*time.Minute, workday, 20*time.Second)
	peak := tr.Advise(two)
	if before.Workers > 1 || ahead.Workers < 3 || peak.Workers < ahead.Workers || peak.Workers > 5 {
		t.Errorf("half an hour before the peak %d, 8 minutes before %d, within %d", before.Workers, ahead.Workers, peak.Workers)
	}
	tr.run(4*time.Hour, workday, 20*time.Second)
	if a := tr.Advise(two); a.Workers != peak.Workers {
		t.Errorf("down at once, to %d", a.Workers)
	}
	tr.run(20*time.Minute, workday, 20*time.Second)
	if a := tr.Advise(two); a.Workers != 1 {
		t.Errorf("an hour after the peak %d", a.Workers)
	}
	tr.now = tr.now.Truncate(24 * time.Hour)
	tr.run(5*24*time.Hour+7*time.Hour+55*time.Minute, workday, 20*time.Second) // to Saturday
	tr.Advise(two)
	tr.run(15*time.Minute, workday, 20*time.Second)
	if a := tr.Advise(two); tr.now.Weekday() != time.Saturday || a.Workers != 1 {
		t.Errorf("on %s %d", tr.now.Weekday(), a.Workers)
	}
}

// TestSignalsWeekIsKept over a restart.
func TestSignalsWeekIsKept(t *testing.T) {
	tr := newTraffic(fleet.SignalsOptions{})
	tr.run(8*24*time.Hour, workday, 20*time.Second)
	kept, err := json.Marshal(tr.Season())
	if err != nil {
		t.Fatal(err)
	}
	var s fleet.Season
	if err := json.Unmarshal(kept, &s); err != nil || s != tr.Season() || len(kept) > 8<<10 {
		t.Fatalf("%d bytes, %v", len(kept), err)
	}
	next := newTraffic(fleet.SignalsOptions{})
	if err := next.Restore(s); err != nil {
		t.Fatal(err)
	}
	next.now = monday.Add(14*24*time.Hour + 7*time.Hour + 40*time.Minute)
	next.run(15*time.Minute, workday, 20*time.Second)
	if a := next.Advise(two); a.Workers < 3 {
		t.Errorf("%+v", a)
	}
	for _, wrong := range []float64{-1, math.NaN(), math.Inf(1)} {
		bad := s
		bad.PerMinute[7] = wrong
		if err := next.Restore(bad); fault.ClassOf(err) != fault.Permanent || next.Season() != s {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}

// TestSignalsCalm: a load at the border of two counts does not start and stop workers.
func TestSignalsCalm(t *testing.T) {
	tr := newTraffic(fleet.SignalsOptions{})
	tr.run(time.Hour, steady(60), 10*time.Second)
	changes, last := 0, tr.Advise(two).Workers
	for range 24 * 60 {
		tr.run(time.Minute, steady(60), 10*time.Second)
		if now := tr.Advise(two).Workers; now != last {
			changes, last = changes+1, now
		}
	}
	if changes > 6 {
		t.Errorf("%d changes in a day of the same load", changes)
	}
}

func TestSignalsRise(t *testing.T) {
	tr := newTraffic(fleet.SignalsOptions{})
	tr.run(time.Hour, steady(20), 10*time.Second)
	calm := tr.Advise(two)
	tr.run(5*time.Minute, steady(200), 10*time.Second)
	if a := tr.Advise(two); a.Workers < 5 || calm.Workers > 2 {
		t.Errorf("from %d to %d within five minutes", calm.Workers, a.Workers)
	}
	queue := two
	queue.Waiting = 240
	if a := tr.Advise(queue); a.Workers < 12 {
		t.Errorf("240 wait, and %d are advised", a.Workers)
	}
}

func TestSignalsBounds(t *testing.T) {
	tr := newTraffic(fleet.SignalsOptions{})
	if a := tr.Advise(fleet.Load{Slots: 8, Workers: 1, InFlight: 9, Waiting: 3}); a.Workers != 3 || a.Utilization != 1.125 {
		t.Errorf("before any answer ended: %+v", a)
	}
	tr.run(24*time.Hour, steady(0), 0)
	for range 3 {
		tr.Advise(two)
		tr.run(11*time.Minute, steady(0), 0)
	}
	if a := tr.Advise(two); a.Workers != 1 || a.Demand != 0 {
		t.Errorf("nothing comes, and %+v", a)
	}
	warm := two
	for _, warm.Minimum = range []int{5, 3} { // the peak is over, and a smaller one comes
		for range 2 {
			tr.Advise(warm)
			tr.run(11*time.Minute, steady(0), 0)
		}
		if a := tr.Advise(warm); a.Workers != warm.Minimum || a.Demand != 0 {
			t.Errorf("%d are to be warm, and %+v", warm.Minimum, a)
		}
	}
	if a := tr.Advise(fleet.Load{Waiting: 1}); a.Utilization != 1 {
		t.Errorf("nobody can work: %+v", a)
	}
	// A clock that was set, and a machine that slept, do no harm.
	tr.run(time.Hour, steady(60), time.Second)
	for _, jump := range []time.Duration{-48 * time.Hour, 400 * 24 * time.Hour} {
		tr.now = tr.now.Add(jump)
		tr.Arrived()
		if a := tr.Advise(two); math.IsNaN(a.Demand) || a.Demand < 0 || a.Workers > 10 {
			t.Errorf("after %v: %+v", jump, a)
		}
	}
}

// TestSignalsAdd: what nodes demand adds up to what all of it demands, and a little more.
func TestSignalsAdd(t *testing.T) {
	all := newTraffic(fleet.SignalsOptions{})
	all.run(2*time.Hour, steady(90), 10*time.Second)
	sum := 0.0
	for range 3 {
		node := newTraffic(fleet.SignalsOptions{})
		node.run(2*time.Hour, steady(30), 10*time.Second)
		sum += node.Advise(two).Demand
	}
	if whole := all.Advise(two).Demand; sum < whole*0.85 || sum > whole*1.35 {
		t.Errorf("three nodes demand %.2f, one with all of it %.2f", sum, whole)
	}
}

func TestSignalsFromManyGoroutines(t *testing.T) {
	s := fleet.NewSignals(fleet.SignalsOptions{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				s.Arrived()
				s.Served(time.Second)
				s.Advise(two)
				_ = s.Restore(s.Season())
			}
		})
	}
	all.Wait()
}

func TestSchedule(t *testing.T) {
	s := fleet.NewSchedule([]models.PrewarmConfig{
		{Cron: "0 8 * * mon-fri", For: 2 * time.Hour, Workers: 4},
		{Pool: "chat", Cron: "30 8 * * *", Workers: 6},
		{Pool: "embed", Cron: "0 8 * * *", Workers: 9},
	}, "chat")
	for at, want := range map[time.Duration]int{
		7 * time.Hour: 0, 7*time.Hour + 50*time.Minute: 4, 8*time.Hour + 20*time.Minute: 6, 9*time.Hour + 29*time.Minute: 6,
		9*time.Hour + 30*time.Minute: 4, 10 * time.Hour: 0, 5*24*time.Hour + 8*time.Hour: 0, 5*24*time.Hour + 9*time.Hour: 6,
	} {
		if got := s.Minimum("chat", monday.Add(at)); got != want {
			t.Errorf("%v after Monday's midnight: %d, want %d", at, got, want)
		}
	}
	if got := s.Minimum("other", monday.Add(8*time.Hour)); got != 0 {
		t.Errorf("another pool: %d", got)
	}
}

func BenchmarkSignals(b *testing.B) {
	s := fleet.NewSignals(fleet.SignalsOptions{})
	b.ReportAllocs()
	for b.Loop() {
		s.Arrived()
		s.Served(time.Second)
	}
}
