package fleet

import (
	"math"
	"sync"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// target is the part of all slots that is to be in use. At more than that the
	// wait grows steeply; routing needs some room to choose, too.
	target = 0.7
	// horizon is how far ahead workers are advised for: what a machine with a GPU
	// takes to start and load its model.
	horizon = 10 * time.Minute
	// downAfter is how long fewer workers must be enough before fewer are advised, and
	// downMargin the part of them that must be.
	downAfter  = 10 * time.Minute
	downMargin = 0.9
	// drainWithin is how fast those who wait are to be answered.
	drainWithin = time.Minute
	// rateOver is the time constant, in minutes, of the requests a minute; spreadOver that
	// of how much they vary.
	rateOver, spreadOver = 5, 60
	// tookOver is of how many answers the mean time is known.
	tookOver = 50
	// p95 is how many standard deviations a normal distribution exceeds one time in twenty.
	p95 = 1.645
	// asleep is after how long without a look nothing of before says anything about now.
	asleep = 24 * time.Hour
	// noDemand is how much of one worker is nothing at all, with nobody waiting.
	noDemand = 0.01
	// leastAdvised is how many workers are advised where nothing comes: the first one to
	// write should not wait until a model is loaded.
	leastAdvised = 1
)

// SignalsOptions are how a pool's workers are advised. The zero value is in order.
type SignalsOptions struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Signals follow one pool on one node, and advise how many workers it should have. They
// are safe for concurrent use, and start nothing.
type Signals struct {
	o SignalsOptions

	mu sync.Mutex
	// minute is the one that arrivals are being counted of; in hour the minutes of this
	// hour and their requests.
	minute   time.Time
	arrivals float64
	hour     struct{ minutes, requests float64 }
	// rate is requests a minute, spread their variance over their mean.
	rate, spread float64
	minutes      int
	// took is the mean time of an answer at a worker, in seconds, of so many answers.
	took    float64
	answers int
	season  Season
	// slots are those of one worker.
	slots   float64
	advised int
	// lowSince is since when lowMost are enough.
	lowSince time.Time
	lowMost  int
}

// Load is how a pool is now.
type Load struct {
	// QueueTokens are the estimated tokens of the requests that wait, Waiting their number,
	// Wait how long one that comes now is likely to; all on this node.
	QueueTokens, Waiting int
	Wait                 time.Duration
	// InFlight is under way at the workers, from all nodes; Slots and Workers are those that
	// can be used.
	InFlight, Slots, Workers int
	// Minimum is how many workers are to be warm; see Schedule.
	Minimum int
}

// Advice is what was made of it.
type Advice struct {
	// Utilization is the part of the slots in use: above 1 when more is under way than there
	// are slots, 1 when there are none and somebody waits.
	Utilization float64
	// PerMinute are the requests a minute that came to this node lately, Expected the most
	// that are to be expected within the horizon, but for one minute in twenty.
	PerMinute, Expected float64
	// Demand is how many workers that takes, without any bound or delay. The sum over all
	// nodes is what the hub takes, or a little more.
	Demand float64
	// Workers is the advice: whole workers, within the bounds, up at once and down with a delay.
	Workers int
}

// NewSignals makes them; nothing is known yet.
func NewSignals(o SignalsOptions) *Signals {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Signals{o: o, spread: 1, slots: models.DefaultSlots}
}

// Arrived counts a request, whatever becomes of it.
func (s *Signals) Arrived() {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roll(now)
	s.arrivals++
}

// Served tells how long a request had its place at a worker, without its wait in the hub.
func (s *Signals) Served(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = min(s.answers+1, tookOver)
	s.took += (max(took, 0).Seconds() - s.took) / float64(s.answers)
}

// Season gives a copy of what was learned.
func (s *Signals) Season() Season {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.season
}

// Restore takes a season that was kept, in place of what was learned since. One that
// cannot be is a Permanent fault and changes nothing.
func (s *Signals) Restore(kept Season) error {
	if err := kept.check(); err != nil {
		return fault.New(fault.Permanent, "restore season", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.season = kept
	return nil
}

// Advise gives the advice for how the pool is now.
func (s *Signals) Advise(l Load) Advice {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roll(now)
	if l.Workers > 0 && l.Slots > 0 {
		s.slots = float64(l.Slots) / float64(l.Workers)
	}
	a := Advice{PerMinute: s.rate, Utilization: utilization(l)}
	mean := s.season.expect(now, now.Add(horizon), s.rate)
	a.Expected = mean + p95*math.Sqrt(s.spread*mean)
	busy := a.Expected / 60 * s.took
	busy += float64(l.Waiting) * s.took / drainWithin.Seconds()
	if s.answers == 0 { // nobody knows how long an answer takes
		busy = float64(l.InFlight + l.Waiting)
	}
	a.Demand = busy / (s.slots * target)
	if a.Demand < noDemand && l.Waiting == 0 {
		a.Demand = 0
	}
	s.decide(now, a.Demand, max(l.Minimum, leastAdvised))
	a.Workers = s.advised
	return a
}

func utilization(l Load) float64 {
	switch {
	case l.Slots > 0:
		return float64(l.InFlight) / float64(l.Slots)
	case l.Waiting > 0:
		return 1
	}
	return 0
}

// decide follows a demand upwards at once, for people wait; downwards only after a while, and
// with a margin, for a worker that is stopped has to load its model again. It advises no
// fewer than least.
func (s *Signals) decide(now time.Time, demand float64, least int) {
	whole := func(n float64) int { return max(int(math.Ceil(n-1e-9)), least) }
	enough := whole(demand / downMargin)
	switch up := whole(demand); {
	case up > s.advised:
		s.advised, s.lowSince = up, time.Time{}
	case enough >= s.advised:
		s.lowSince = time.Time{}
	case s.lowSince.IsZero():
		s.lowSince, s.lowMost = now, enough
	default:
		s.lowMost = max(s.lowMost, enough)
		if now.Sub(s.lowSince) >= downAfter {
			s.advised, s.lowSince = s.lowMost, time.Time{}
		}
	}
}

func (s *Signals) now() time.Time { return s.o.Now().UTC() }

// roll closes the minutes that are over.
func (s *Signals) roll(now time.Time) {
	minute := now.Truncate(time.Minute)
	if gap := minute.Sub(s.minute); s.minute.IsZero() || gap > asleep || gap < -time.Minute {
		s.minute, s.arrivals, s.minutes = minute, 0, 0
		s.hour.minutes, s.hour.requests = 0, 0
		return
	}
	for s.minute.Before(minute) {
		s.close(s.arrivals)
		s.arrivals = 0
		next := s.minute.Add(time.Minute)
		if hourOf(next) != hourOf(s.minute) {
			if s.hour.minutes >= wholeHour {
				s.season.learn(hourOf(s.minute), s.hour.requests/s.hour.minutes)
			}
			s.hour.minutes, s.hour.requests = 0, 0
		}
		s.minute = next
	}
}

// close takes in one minute.
func (s *Signals) close(n float64) {
	s.hour.minutes++
	s.hour.requests += n
	s.minutes++
	if s.minutes == 1 { // likely only a part of a minute
		s.rate = n
		return
	}
	off := n - s.rate
	s.spread += (off*off/max(s.rate, 1) - s.spread) / min(float64(s.minutes), spreadOver)
	s.spread = max(s.spread, 1) // less than chance is chance
	s.rate += off / min(float64(s.minutes), rateOver)
}
