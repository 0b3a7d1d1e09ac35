package telemetry

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// maxSteps is how many steps of one message are kept.
const maxSteps = 32

// subscriberBuffer is how many updates a subscriber may be behind.
const subscriberBuffer = 256

// Step is one step of a message, as an event told it.
type Step struct {
	Stage  core.Stage
	At     time.Time
	Took   time.Duration
	Rule   string
	Skill  string
	Model  string
	Worker string
	// Tool is what a model called, Outcome what became of it.
	Tool    string
	Outcome string
	// Fault is the class of the failure; empty when the step did not fail.
	Fault string
	// Count is how many equal steps in a row this one stands for, as with drafts.
	Count int
}

// Journey is the path of one message.
type Journey struct {
	Trace   core.TraceID
	Account core.Account
	Kind    core.Kind
	// Steps are in the order they were told.
	Steps []Step
	// Dropped counts the steps that are not kept any more.
	Dropped int
}

// Journeys is a ring of the last messages' paths. It is safe for concurrent use.
type Journeys struct {
	mu      sync.Mutex
	ring    []Journey
	next    int
	byTrace map[core.TraceID]int
	subs    map[chan Journey]struct{}
}

func newJourneys(size int) *Journeys {
	return &Journeys{
		ring:    make([]Journey, size),
		byTrace: make(map[core.TraceID]int, size),
		subs:    map[chan Journey]struct{}{},
	}
}

// Recent gives up to limit paths, newest first. The result is the caller's.
func (j *Journeys) Recent(limit int) []Journey {
	j.mu.Lock()
	defer j.mu.Unlock()
	limit = min(limit, len(j.byTrace))
	out := make([]Journey, 0, max(0, limit))
	for i := 1; i <= len(j.ring) && len(out) < limit; i++ {
		if slot := &j.ring[(j.next-i+len(j.ring))%len(j.ring)]; slot.Trace != "" {
			out = append(out, slot.snapshot())
		}
	}
	return out
}

// Subscribe gives each path again whenever a step is added to it, until ctx ends;
// then the channel is closed. A subscriber that is too far behind misses updates.
// What comes through is shared among subscribers: read it, never write into it.
func (j *Journeys) Subscribe(ctx context.Context) <-chan Journey {
	ch := make(chan Journey, subscriberBuffer)
	j.mu.Lock()
	j.subs[ch] = struct{}{}
	j.mu.Unlock()
	context.AfterFunc(ctx, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.subs, ch)
		close(ch)
	})
	return ch
}

func (j *Journeys) observe(e core.Event) {
	if e.Trace == "" {
		return
	}
	step := Step{
		Stage: e.Stage, At: e.At, Took: e.Took, Rule: e.Rule, Skill: e.Skill, Model: e.Model, Worker: e.Worker,
		Tool: e.Tool, Outcome: e.Outcome, Count: 1,
	}
	if e.Err != nil {
		step.Fault = fault.ClassOf(e.Err).String()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	slot := j.slot(e)
	if slot == nil {
		return
	}
	slot.add(step)
	if len(j.subs) == 0 {
		return
	}
	update := slot.snapshot()
	for ch := range j.subs {
		select {
		case ch <- update:
		default: // behind: this subscriber misses the update
		}
	}
}

// slot finds the event's journey, or begins one in the place of the oldest. What another
// program asks of a model is no message's journey and begins none: nil.
func (j *Journeys) slot(e core.Event) *Journey {
	if i, ok := j.byTrace[e.Trace]; ok {
		slot := &j.ring[i]
		if slot.Kind == "" {
			slot.Kind = e.Kind
		}
		return slot
	}
	if e.Stage == core.StageModel || e.Stage == core.StageAPI {
		return nil
	}
	slot := &j.ring[j.next]
	if slot.Trace != "" {
		delete(j.byTrace, slot.Trace)
	}
	j.byTrace[e.Trace] = j.next
	j.next = (j.next + 1) % len(j.ring)
	// The steps' memory is used again; snapshots are copies.
	*slot = Journey{Trace: e.Trace, Account: e.Account, Kind: e.Kind, Steps: slot.Steps[:0]}
	return slot
}

func (j *Journey) add(s Step) {
	n := len(j.Steps)
	switch {
	case n > 0 && s.Stage == core.StageDraft && j.Steps[n-1].Stage == core.StageDraft:
		s.Count += j.Steps[n-1].Count
		j.Steps[n-1] = s
	case n == maxSteps:
		// How it began and how it stands now matter; the middle goes.
		copy(j.Steps[maxSteps/2:], j.Steps[maxSteps/2+1:])
		j.Steps[n-1] = s
		j.Dropped++
	default:
		j.Steps = slices.Insert(j.Steps, j.place(s.Stage), s)
	}
}

func (j *Journey) snapshot() Journey {
	out := *j
	out.Steps = slices.Clone(j.Steps)
	return out
}

// place is where a step belongs. Whoever stores a thing tells of it after it is
// stored, and by then somebody else may have begun to work on it: what comes first
// in a message's life may be told second.
func (j *Journey) place(s core.Stage) int {
	switch s {
	case core.StageAccepted:
		return 0
	case core.StageCommitted:
		for i, step := range j.Steps {
			if step.Stage == core.StageSent || step.Stage == core.StageDelivered || step.Stage == core.StageUnsure {
				return i
			}
		}
	}
	return len(j.Steps)
}
