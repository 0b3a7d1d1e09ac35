package pool

import (
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
	"github.com/parley-hub/parley/models/routing"
)

// snapshot is a configuration as it holds for the requests that come now. It is never
// changed.
type snapshot struct {
	o        Options
	versions []version
}

// version is one version as a snapshot has it.
type version struct {
	name, model string
	weight      int
	lane        *lane
}

// id is what makes a worker the same one after a reload.
type id struct{ model, name string }

// laneID is what makes a version the same one after a reload.
type laneID struct{ name, model string }

// lane is the live side of a version; it is guarded by Pool.mu.
type lane struct {
	laneID
	workers []*worker
	index   *routing.Index
	policy  routing.Policy
	named   models.Policy
	line    *admission.Line
	queue   models.QueueConfig
	// poll looks at the line again while somebody waits in it: other nodes' requests end
	// without a word.
	poll *time.Timer
	// lastResort is true while one request tries a worker although all are open.
	lastResort bool
	// jobs counts the requests that were admitted and are not over.
	jobs int
	// whole is by all of a prompt, missing by what must be computed of it.
	whole, missing timing
	pace           pace
	results        results
	ratio          ratio
	// weight is the configured one at which it was rolled back.
	weight     int
	rolledBack string
}

// share is the weight that counts.
func (v version) share() int {
	if v.lane.rolledBack != "" {
		return 0
	}
	return v.weight
}

// apply makes o what holds from now on.
func (p *Pool) apply(o Options) {
	p.mu.Lock()
	defer p.unlock()
	next := &snapshot{o: o}
	first := p.now.Load() == nil
	kept := map[laneID]*lane{}
	stays := map[*worker]bool{}
	for _, v := range o.Versions {
		key := laneID{v.Name, v.Model}
		l := p.lanes[key]
		if l == nil {
			l = newLane(key)
		}
		l.configure(o, v)
		l.workers = nil
		for _, w := range v.Workers {
			live := p.employ(id{v.Model, w.Name}, w, first)
			l.workers = append(l.workers, live)
			stays[live] = true
		}
		kept[key] = l
		next.versions = append(next.versions, version{name: v.Name, model: v.Model, weight: v.Weight, lane: l})
	}
	for key, l := range p.lanes {
		if kept[key] == nil {
			p.leaving = append(p.leaving, l)
		}
	}
	p.lanes = kept
	for _, w := range p.workers {
		w.draining = !stays[w]
	}
	if first {
		p.retries.fill(p.slots())
	}
	p.now.Store(next)
	p.reap()
	for _, l := range kept {
		p.dispatch(time.Now(), l)
	}
}

// employ gives the live worker of that id, with what is configured now.
func (p *Pool) employ(key id, w Worker, first bool) *worker {
	live := p.workers[key]
	if live == nil {
		live = &worker{id: key, pool: p, state: models.StateNew, late: !first, limit: newLimit()}
		p.workers[key] = live
	}
	live.afresh = live.afresh || live.conf.Revision != w.Revision
	live.conf = w
	return live
}

func newLane(key laneID) *lane {
	return &lane{laneID: key, index: routing.NewIndex(0)}
}

// configure gives a lane its policy and its line. Who waits already keeps the old line.
func (l *lane) configure(o Options, v Version) {
	if l.rolledBack != "" && l.weight != v.Weight {
		l.rolledBack = "" // the operator has decided anew
	}
	l.weight = v.Weight
	if l.policy == nil || l.named != o.Policy {
		policy, err := routing.New(routing.Options{Name: string(o.Policy), Index: l.index, Rand: o.float})
		if err != nil {
			panic("pool: the configuration has no such policy: " + err.Error())
		}
		l.policy, l.named = policy, o.Policy
	}
	if l.line == nil || l.queue != o.Queue && l.line.Len() == 0 {
		l.line = admission.NewLine(admission.LineOptions{Items: o.Queue.Items, Tokens: o.Queue.Tokens, Rand: o.float})
	}
	l.queue = o.Queue
}

// reap forgets lanes and workers that nobody uses any more.
func (p *Pool) reap() {
	p.leaving = slices.DeleteFunc(p.leaving, func(l *lane) bool { return l.jobs == 0 })
	for key, w := range p.workers {
		if !w.draining || w.inFlight > 0 || slices.ContainsFunc(p.leaving, func(l *lane) bool { return slices.Contains(l.workers, w) }) {
			continue
		}
		p.changes = append(p.changes, change{worker: w.name, from: models.StateDraining, to: "gone"})
		delete(p.workers, key)
	}
}

func (p *Pool) slots() int {
	all := 0
	for _, w := range p.workers {
		all += w.slots()
	}
	return all
}

// admit chooses a request's version, which it keeps: by the weights, and the same one
// for the same affinity as long as the weights allow. A version none of whose workers
// can answer is passed over while another one can. With heaviest it is the one with the
// most weight.
func (p *Pool) admit(s *snapshot, affinity string, heaviest bool) (version, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := s.choose(time.Now(), affinity, heaviest)
	if !ok {
		return version{}, fault.New(fault.Retryable, "pick a version", errNoWorker)
	}
	v.lane.jobs++
	return v, nil
}

// choose is what admit goes by, which takes nothing. It is called with mu.
func (s *snapshot) choose(now time.Time, affinity string, heaviest bool) (v version, ok bool) {
	able := slices.ContainsFunc(s.versions, func(v version) bool { return v.share() > 0 && v.lane.hopeful(now) })
	best, score := -1, -1.0
	for i, v := range s.versions {
		if v.share() <= 0 || able && !heaviest && !v.lane.hopeful(now) {
			continue
		}
		x := float64(v.share())
		if !heaviest && len(s.versions) > 1 {
			// Weighted rendezvous hashing: other weights move only those that they must.
			x = -x / math.Log(s.draw(affinity, v.name))
		}
		if best < 0 || x > score {
			best, score = i, x
		}
	}
	if best < 0 {
		return version{}, false
	}
	return s.versions[best], true
}

// Goes tells which version a request of that affinity would go to now, by name and model;
// without affinity any that has a share, in the order of the configuration. It is what an
// answer depends on that is kept.
func (p *Pool) Goes(affinity string) []Version {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.now.Load()
	if affinity != "" {
		if v, ok := s.choose(time.Now(), affinity, false); ok {
			return []Version{{Name: v.name, Model: v.model}}
		}
		return nil
	}
	var all []Version
	for _, v := range s.versions {
		if v.share() > 0 {
			all = append(all, Version{Name: v.name, Model: v.model})
		}
	}
	return all
}

// Heaviest tells which version makes vectors and writes down recordings.
func (p *Pool) Heaviest() (v Version, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	is, ok := p.now.Load().choose(time.Now(), "", true)
	return Version{Name: is.name, Model: is.model}, ok
}

// draw gives a number in (0, 1) that is the same for the same affinity on every node.
func (s *snapshot) draw(affinity, version string) float64 {
	if affinity == "" {
		return (float64(s.o.Rand(math.MaxInt32)) + 0.5) / math.MaxInt32
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(version))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(affinity))
	// FNV's high bits hardly know the last bytes; multiplying twice spreads them.
	x := h.Sum64()
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return (float64((x^x>>33)>>11) + 0.5) / (1 << 53)
}

// hopeful tells whether any of the workers may be asked, now or when it has room.
func (l *lane) hopeful(now time.Time) bool {
	return slices.ContainsFunc(l.workers, func(w *worker) bool { return w.usable(now) || w.due(now) })
}
