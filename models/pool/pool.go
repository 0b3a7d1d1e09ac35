package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// maxAttempts bounds the workers one answer is asked of.
const maxAttempts = 3

// What a person is told.
const (
	publicUnreachable = "The model is not reachable right now."
	publicBusy        = "The model is busy right now."
	publicBroken      = "The answer broke off."
	publicSlow        = "The model took too long to answer."
)

var (
	errTotal      = fmt.Errorf("the answer took longer than the pool allows: %w", context.DeadlineExceeded)
	errNoWorker   = errors.New("no worker can take the request")
	errUnfinished = errors.New("the answer ended without a finish")
	errLeft       = fault.New(fault.Retryable, "chat", fmt.Errorf("the caller left: %w", context.Canceled))
)

// Options is what a pool is made from.
type Options struct {
	// Name is the pool's name in the configuration, Model what its workers serve.
	Name, Model string
	// Vision is true when the model sees pictures.
	Vision  bool
	Workers []Worker
	// Total bounds a whole answer with all its attempts; 0 means DefaultTotal.
	Total time.Duration
	// Observer sees each answer's end as one core.StageModel; nil for nobody.
	Observer core.Observer
	Log      zerolog.Logger
	// Rand gives a number in [0, n), for ties and jitter; nil means a real one.
	Rand func(n int) int
}

// Pool is a Client over several workers that serve the same model. It sends each
// request to the worker with the fewest answers in flight for its slots, leaves
// out those that fail, and begins again on another one as long as nobody has seen
// anything of the answer.
//
// The load signal is the pool's own count of answers in flight: it is exact and
// never late. Only requests change it, never probes.
type Pool struct {
	name, model string
	vision      bool
	total       time.Duration
	observer    core.Observer
	log         zerolog.Logger
	rnd         func(int) int

	mu      sync.Mutex
	workers []*worker
	// lastResort is true while one request tries a worker although all are open.
	lastResort bool
}

var _ models.Client = (*Pool)(nil)

// New makes a pool. Its workers are NEW until Run probes them or a request
// reaches them.
func New(o Options) *Pool {
	p := &Pool{name: o.Name, model: o.Model, vision: o.Vision, total: cmp.Or(o.Total, models.DefaultTotal), observer: o.Observer, log: o.Log, rnd: o.Rand}
	if p.observer == nil {
		p.observer = core.ObserverFunc(func(core.Event) {})
	}
	if p.rnd == nil {
		p.rnd = rand.IntN // spreads load, guards nothing
	}
	for _, w := range o.Workers {
		p.workers = append(p.workers, newWorker(w))
	}
	return p
}

// Vision tells whether the pool's model sees pictures.
func (p *Pool) Vision() bool { return p.vision }

// Workers shows the workers in the order of the configuration.
func (p *Pool) Workers() []models.WorkerStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	all := make([]models.WorkerStatus, len(p.workers))
	for i, w := range p.workers {
		all[i] = models.WorkerStatus{
			Pool: p.name, Name: w.name, Model: p.model, State: w.state, Due: w.due(now), InFlight: w.inFlight, Slots: w.slots,
			Alive: w.aliveAt(), Err: w.err,
		}
		if w.waitUntil.After(now) {
			all[i].WaitUntil = w.waitUntil
		}
	}
	return all
}

// Chat answers with the pool's model, whatever r.Model says. When no worker can
// take the request, the fault has a public text and, where a worker named one,
// the time to wait.
func (p *Pool) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		ctx, cancel := context.WithTimeoutCause(ctx, p.total, errTotal)
		defer cancel()
		r.Model = p.model
		a := answer{pool: p, req: r, yield: yield, began: time.Now(), err: errLeft}
		defer a.observe()
		a.run(ctx)
	}
}

// answer is one run of Chat.
type answer struct {
	pool  *Pool
	req   models.Request
	yield func(models.Delta, error) bool
	began time.Time
	// said is true when text was yielded that no Reset took back.
	said   bool
	worker string
	// err is what the observer is told. It starts as "the caller left", which is
	// what remains when the loop around the answer is broken or panics.
	err error
}

func (a *answer) observe() {
	a.pool.observer.Observe(core.Event{
		Stage: core.StageModel, Trace: a.req.Trace, At: time.Now(), Took: time.Since(a.began), Model: a.pool.model, Worker: a.worker, Err: a.err,
	})
}

func (a *answer) run(ctx context.Context) {
	var tried [maxAttempts]*worker
	var last error
	for n := range tried {
		l, err := a.pool.acquire(tried[:n])
		if err != nil {
			if last == nil {
				last = err
			}
			break
		}
		tried[n] = l.w
		over, err := a.attempt(ctx, l)
		if over {
			return
		}
		last = err
		a.pool.log.Warn().Err(err).Str("pool", a.pool.name).Str("worker", l.w.name).
			Stringer("class", fault.ClassOf(err)).Int("attempt", n+1).Msg("model worker failed")
		if ctx.Err() != nil || !otherWorkerMayHelp(err) || a.shown() {
			break
		}
	}
	a.err = a.final(ctx, last)
	a.yield(models.Delta{}, a.err)
}

// attempt asks one worker. over is true when nothing is left to do: the answer is
// finished or nobody listens any more.
func (a *answer) attempt(ctx context.Context, l *lease) (over bool, err error) {
	defer l.release()
	a.worker = l.w.name
	if a.said {
		a.said = false
		if !a.yield(models.Delta{Reset: true}, nil) {
			return true, nil
		}
	}
	for d, err := range l.w.client.Chat(ctx, a.req) {
		if err != nil {
			if ctx.Err() == nil {
				l.failed(err)
			}
			return false, err
		}
		l.w.alive.Store(time.Now().UnixNano())
		a.said = !d.Reset && (a.said || d.Text != "")
		if d.Finish == "" {
			if !a.yield(d, nil) {
				return true, nil
			}
			continue
		}
		l.answered()
		a.err = nil
		d.Worker = l.w.name
		d.Model = cmp.Or(d.Model, a.pool.model)
		a.yield(d, nil)
		return true, nil
	}
	err = fault.New(fault.Retryable, "chat", errUnfinished)
	if ctx.Err() == nil {
		l.failed(err)
	}
	return false, err
}

func (a *answer) shown() bool {
	if a.req.Shown == nil {
		return a.said
	}
	return a.req.Shown()
}

// otherWorkerMayHelp is false when the request itself is wrong. A worker that
// refuses our key (NeedsHuman) says nothing about the others.
func otherWorkerMayHelp(err error) bool {
	switch fault.ClassOf(err) {
	case fault.Retryable, fault.RateLimited, fault.NeedsHuman:
		return true
	default:
		return false
	}
}

// final gives the failure its public text.
func (a *answer) final(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errTotal) || cause != nil && !errors.Is(err, ctx.Err()) {
		err = cause
	}
	public := fault.Public(err)
	switch class := fault.ClassOf(err); {
	case public != "":
	case a.shown():
		public = publicBroken
	case errors.Is(err, errTotal):
		public = publicSlow
	case class == fault.RateLimited:
		public = publicBusy
	case class != fault.Permanent:
		public = publicUnreachable
	}
	return fault.New(fault.ClassOf(err), "pool "+a.pool.name, err, fault.WithWait(fault.Wait(err)), fault.WithPublic(public))
}

// acquire picks the worker for the next attempt and counts the request there.
func (p *Pool) acquire(tried []*worker) (*lease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	l := &lease{pool: p, w: p.pick(now, tried)}
	switch {
	case l.w == nil:
		l.w, l.last = p.leastRecentlyFailed(now, tried), true
		if l.w == nil {
			return nil, p.refusal(now)
		}
		p.lastResort = true
	case l.w.state == models.StateOpen:
		l.trial, l.w.trial = true, true
	}
	l.w.inFlight++
	return l, nil
}

// pick gives the least loaded worker among those that are ready or due for their
// trial, else among those a probe has yet to reach; nil for none. Ties are drawn.
func (p *Pool) pick(now time.Time, tried []*worker) *worker {
	var best *worker
	ties := 0
	for _, w := range p.workers {
		if w.state == models.StateOpen && !w.tryable(now) || now.Before(w.waitUntil) || slices.Contains(tried, w) {
			continue
		}
		order := -1
		if best != nil {
			order = compareLoad(w, best)
		}
		switch {
		case order < 0:
			best, ties = w, 1
		case order == 0:
			ties++
			if p.rnd(ties) == 0 {
				best = w
			}
		}
	}
	return best
}

// compareLoad is negative when a is the better choice, 0 when they are equal.
func compareLoad(a, b *worker) int {
	if a.unproven() != b.unproven() {
		if a.unproven() {
			return 1
		}
		return -1
	}
	return a.inFlight*b.slots - b.inFlight*a.slots
}

// leastRecentlyFailed is the last resort when no worker can be picked: never
// refuse everything because all are open, but try with one request at a time.
func (p *Pool) leastRecentlyFailed(now time.Time, tried []*worker) *worker {
	if p.lastResort {
		return nil
	}
	var best *worker
	for _, w := range p.workers {
		if w.state != models.StateOpen || w.trial || now.Before(w.waitUntil) || slices.Contains(tried, w) {
			continue
		}
		if best == nil || w.failedAt.Before(best.failedAt) {
			best = w
		}
	}
	return best
}

// refusal says why no worker can take a request: they asked for patience, they
// refuse our key, or they are gone.
func (p *Pool) refusal(now time.Time) error {
	var soonest *worker
	for _, w := range p.workers {
		if !now.Before(w.waitUntil) {
			continue
		}
		if soonest == nil || soonest.refused && !w.refused || soonest.refused == w.refused && w.waitUntil.Before(soonest.waitUntil) {
			soonest = w
		}
	}
	switch {
	case soonest == nil:
		return fault.New(fault.Retryable, "pick a worker", errNoWorker)
	case soonest.refused:
		return fault.New(fault.NeedsHuman, "pick a worker", soonest.err)
	default:
		return fault.New(fault.RateLimited, "pick a worker", soonest.err, fault.WithWait(soonest.waitUntil.Sub(now)))
	}
}
