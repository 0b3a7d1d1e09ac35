package playground

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/console"
	"github.com/parley-hub/parley/models"
)

// troubleKind is a way in which the hub can be troubled.
type troubleKind string

// The kinds of troubles.
const (
	troubleRestart troubleKind = "restart"
	troubleSlow    troubleKind = "slow"
	troubleOut     troubleKind = "out"
)

const (
	slowFor = 12 * time.Second
	// outFor is shorter than what the hub tries a turn again for.
	outFor = 5 * time.Second
	// slowness is what a slow model takes for each piece of an answer besides.
	slowness = 250 * time.Millisecond
)

// Troubles implements console.Playground.
func (p *Playground) Troubles() []console.Fault {
	return []console.Fault{
		{ID: string(troubleRestart), Label: "Restart the hub", About: "It stops in the middle of what it does, and starts again from its disk."},
		{ID: string(troubleSlow), Label: "Slow model", About: "For 12 seconds each word takes a quarter of a second."},
		{ID: string(troubleOut), Label: "Model out", About: "For 5 seconds no model answers."},
	}
}

// trouble begins one; it ends by itself.
func (p *Playground) trouble(kind troubleKind) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch kind {
	case troubleRestart:
		p.again("The hub stops. What it has not answered is kept on disk.")
		return nil
	case troubleSlow, troubleOut:
	default:
		return refused("fail", errNobody)
	}
	if p.mood != "" {
		return nil // one at a time
	}
	p.mood = kind
	p.incidents.write(map[troubleKind]string{
		troubleSlow: "The model is slow. Write something: others are not held up.",
		troubleOut:  "No model answers. Write something: it waits, and is tried again.",
	}[kind], false)
	lasts := slowFor
	if kind == troubleOut {
		lasts = outFor
	}
	p.calm = time.AfterFunc(lasts, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.mood = ""
		p.incidents.write("The model is as it was.", true)
	})
	return nil
}

// again restarts the hub, and says why. p.mu is held.
func (p *Playground) again(why string) {
	select {
	case p.restart <- struct{}{}:
		p.stopped = time.Now()
		p.incidents.write(why, false)
	default: // one is under way
	}
}

// Model puts the troubles of models between the hub and one of its models.
func (p *Playground) Model(c models.Client) models.Client { return moody{p, c} }

// moody is a model that is slow or out when the playground wants it.
type moody struct {
	p    *Playground
	next models.Client
}

var errOut = errors.New("the model is out, as somebody at the playground wants it")

// Chat implements models.Client.
func (m moody) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		if m.mood() == troubleOut {
			yield(models.Delta{}, fault.New(fault.Retryable, "chat", errOut))
			return
		}
		for d, err := range m.next.Chat(ctx, r) {
			if err == nil && m.mood() == troubleSlow {
				select {
				case <-time.After(slowness):
				case <-ctx.Done():
					yield(models.Delta{}, fault.New(fault.Retryable, "chat", ctx.Err()))
					return
				}
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

func (m moody) mood() troubleKind {
	m.p.mu.Lock()
	defer m.p.mu.Unlock()
	return m.p.mood
}
