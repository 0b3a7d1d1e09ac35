package pool

import (
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// Outcome is what became of an attempt, and with that who pays for it.
type Outcome string

// The outcomes. Only what was served is paid by whom the request is for.
const (
	Served     Outcome = "served"
	RetryWaste Outcome = "retry-waste"
	HedgeWaste Outcome = "hedge-waste"
	Cancelled  Outcome = "cancelled"
)

// Attempt is one request to one worker, when it is over.
type Attempt struct {
	Trace core.TraceID
	For   models.Payer
	// Pool and Version are where it ran, Model what the version is of.
	Pool, Version, Model, Worker string
	// Number counts the attempts of a request from 1.
	Number  int
	Outcome Outcome
	Usage   models.Usage
	// Estimated is true when the worker did not say what it cost.
	Estimated bool
	// FirstContent is how long the first content took, 0 when none came; Took is all.
	FirstContent, Took time.Duration
	// Err is how it failed. One that was served failed too when another worker took up
	// the answer where it broke off.
	Err error
}

// try is an attempt under way.
type try struct {
	l      *lease
	number int
	// first is how long the first content took.
	first time.Duration
	// ascii and runes are what it said.
	ascii, runes int
	usage        *models.Usage
	closed       bool
}

func (j *job) start(l *lease) *try {
	j.attempts++
	j.worker = l.w.name
	return &try{l: l, number: j.attempts}
}

// heard takes note of what came.
func (t *try) heard(d models.Delta) {
	t.l.w.alive.Store(time.Now().UnixNano())
	if t.first == 0 && (d.Text != "" || len(d.Calls) > 0 || d.Finish != "") {
		t.first = max(time.Since(t.l.began), 1)
		t.l.first()
	}
	for _, r := range d.Text {
		if r < 0x80 {
			t.ascii++
		} else {
			t.runes++
		}
	}
	if d.Usage != nil {
		t.usage = d.Usage
	}
}

// spent is what the attempt cost. What the worker did not say is estimated from what
// came; an attempt of which nothing came is taken to have cost nothing.
func (t *try) spent() (u models.Usage, estimated bool) {
	switch {
	case t.usage != nil:
		return *t.usage, false
	case t.first == 0:
		return models.Usage{}, true
	default:
		return models.Usage{Prompt: t.l.job.prompt.Tokens, Completion: (t.ascii+3)/4 + t.runes}, true
	}
}

// close accounts for the attempt, once.
func (t *try) close(outcome Outcome, err error) {
	if t.closed {
		return
	}
	t.closed = true
	j := t.l.job
	usage, estimated := t.spent()
	if outcome == HedgeWaste && t.usage == nil {
		// It was cut off before anything came, with its prompt computed most likely.
		usage.Prompt = max(usage.Prompt, j.prompt.Tokens)
	}
	if j.shadow {
		j.served.Prompt, j.served.Completion = usage.Prompt, usage.Completion
		outcome = ShadowWaste
	}
	if outcome == Served {
		j.served.Prompt += usage.Prompt
		j.served.Completion += usage.Completion
		j.served.Cached += usage.Cached
	}
	j.s.o.Account(Attempt{
		Trace: j.trace, For: j.payer, Pool: j.p.name, Version: j.v.name, Model: j.v.model, Worker: t.l.w.name, Number: t.number,
		Outcome: outcome, Usage: usage, Estimated: estimated, FirstContent: t.first, Took: time.Since(t.l.began), Err: err,
	})
	if err != nil && outcome != Cancelled {
		j.s.o.Log.Warn().Err(err).Str("pool", j.p.name).Str("version", j.v.name).Str("worker", t.l.w.name).
			Stringer("class", fault.ClassOf(err)).Stringer("blame", models.Blame(err)).Int("attempt", t.number).Msg("model worker failed")
	}
}
