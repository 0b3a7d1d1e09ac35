package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/routing"
)

const (
	// maxAttempts bounds the workers one answer is asked of, one after the other.
	maxAttempts = 3
	// patience is how long a request waits in line for a worker that asked for it, when
	// there is no other.
	patience = 5 * time.Second
	// usualAnswer is what an answer is taken to cost where nothing bounds it, in tokens.
	usualAnswer = 512
)

// What a person is told.
const (
	publicUnreachable = "The model is not reachable right now."
	publicBusy        = "The model is busy right now."
	publicBroken      = "The answer broke off."
	publicSlow        = "The model took too long to answer."
	publicUnable      = "The model cannot do that."
	publicTooLong     = "This conversation is too long for the model. Start a new one and try again."
)

var (
	errTotal      = fmt.Errorf("the answer took longer than the pool allows: %w", context.DeadlineExceeded)
	errNoWorker   = errors.New("no worker can take the request")
	errUnable     = errors.New("no worker of the version can do what the request needs")
	errTooLong    = errors.New("the line is too long")
	errUnfinished = errors.New("the answer ended without a finish")
	errFirst      = errors.New("no content in time")
	errSlow       = errors.New("its first content takes three times as long as the others', for as much to compute")
	errLeft       = fault.New(fault.Retryable, "chat", fmt.Errorf("the caller left: %w", context.Canceled))
)

// need is what a request asks of a worker.
type need struct {
	tools, vision, schema, vectors, hearing, going bool
	tokens                                         int
}

// met tells whether a worker can. One that tells nothing about itself can everything.
func (n need) met(w *worker) bool {
	c := w.server.Capabilities
	if n.vectors || n.hearing {
		_, embeds := w.conf.Client.(models.Embedder)
		_, hears := w.conf.Client.(models.Transcriber)
		if n.vectors && !embeds || n.hearing && !hears {
			return false
		}
	}
	if n.going && !c.Continue {
		return false
	}
	if c == (models.Capabilities{}) {
		return true
	}
	switch {
	case n.vectors:
		return c.Embeddings
	case n.hearing:
		return c.Transcription
	}
	return c.Chat && (!n.tools || c.Tools) && (!n.vision || c.Vision) && (!n.schema || c.JSONSchema) && (c.Context == 0 || n.tokens <= c.Context)
}

// job is one request on its way, of whatever kind.
type job struct {
	p      *Pool
	s      *snapshot
	v      version
	prompt routing.Prompt
	need   need
	payer  models.Payer
	trace  core.TraceID
	band   models.Band
	// cost is what the line counts it for, in tokens.
	cost   int
	queued bool
	began  time.Time
	// tried are the workers that were asked and are not to be asked again, unless they
	// asked for a little patience and there is no other.
	tried []*worker
	// until is the end of its time.
	until    time.Time
	attempts int
	worker   string
	// shadow is true for a copy whose answer nobody sees.
	shadow bool
	// broken is the first attempt that ended in an error inside a worker; poison that a
	// second one did too. Both are guarded by Pool.mu.
	broken *lease
	poison bool
	// served is what is to be paid.
	served models.Usage
	// err is what the observer is told. It starts as "the caller left", which is what
	// remains when the loop around an answer is broken or panics.
	err error
}

// takes tells whether a worker is one for this request: able, and not tried before.
func (j *job) takes(w *worker) bool { return !slices.Contains(j.tried, w) && j.need.met(w) }

// tenant is whom the line is fair to.
func (j *job) tenant() string {
	if j.payer.Person != "" {
		return j.payer.Person
	}
	return j.payer.Account
}

// over ends the job: what it cost is settled, and somebody is told.
func (j *job) over() {
	j.p.mu.Lock()
	j.v.lane.jobs--
	if j.queued {
		j.v.lane.line.Settle(j.tenant(), j.served.Prompt+2*j.served.Completion-j.cost)
	}
	j.p.reap()
	j.p.unlock()
	if j.shadow {
		return
	}
	j.s.o.Observer.Observe(core.Event{
		Stage: core.StageModel, Trace: j.trace, At: time.Now(), Took: time.Since(j.began), Model: j.v.model, Worker: j.worker, Err: j.err,
	})
}

// again tells whether a failed attempt may be followed by another one.
func (j *job) again(ctx context.Context, err error) bool {
	if j.shadow || j.attempts >= maxAttempts || ctx.Err() != nil || !otherWorkerMayHelp(err) {
		return false
	}
	j.p.mu.Lock()
	defer j.p.unlock()
	return !j.poison && j.p.retries.take(time.Now())
}

// otherWorkerMayHelp is false when the request itself is wrong. A worker that refuses our
// key (NeedsHuman) says nothing about the others.
func otherWorkerMayHelp(err error) bool {
	if models.Blame(err) == models.BlameRequest {
		return false
	}
	switch fault.ClassOf(err) {
	case fault.Retryable, fault.RateLimited, fault.NeedsHuman:
		return true
	default:
		return false
	}
}

// broke tells whether a worker failed inside, as a request can make it: an answer of 5xx
// that is not a gateway's.
func broke(err error) bool {
	var status interface{ StatusCode() int }
	if !errors.As(err, &status) || models.Blame(err) != models.BlameWorker {
		return false
	}
	switch code := status.StatusCode(); code {
	case 502, 503, 504:
		return false
	default:
		return code >= 500
	}
}

// final gives the failure its public text.
func (j *job) final(ctx context.Context, err error, shown bool) error {
	if cause := context.Cause(ctx); errors.Is(cause, errTotal) || cause != nil && !errors.Is(err, ctx.Err()) {
		err = cause
	}
	public := fault.Public(err)
	switch class := fault.ClassOf(err); {
	case public != "":
	case shown:
		public = publicBroken
	case errors.Is(err, errTotal):
		public = publicSlow
	case class == fault.RateLimited:
		public = publicBusy
	case class != fault.Permanent:
		public = publicUnreachable
	}
	return fault.New(fault.ClassOf(err), "pool "+j.p.name, err, fault.WithWait(fault.Wait(err)), fault.WithPublic(public))
}
