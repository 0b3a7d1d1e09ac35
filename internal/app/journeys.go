package app

import (
	"context"

	"github.com/parley-hub/parley/internal/console"
	"github.com/parley-hub/parley/internal/telemetry"
)

// journeys shows telemetry's paths to the console in its own words.
type journeys struct{ from *telemetry.Journeys }

// Recent gives the newest paths first.
func (j journeys) Recent(limit int) []console.Journey {
	recent := j.from.Recent(limit)
	out := make([]console.Journey, len(recent))
	for i, r := range recent {
		out[i] = journey(r)
	}
	return out
}

// Subscribe gives a path again whenever it grew.
func (j journeys) Subscribe(ctx context.Context) <-chan console.Journey {
	in, out := j.from.Subscribe(ctx), make(chan console.Journey)
	go func() {
		defer close(out)
		for r := range in {
			select {
			case out <- journey(r):
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func journey(j telemetry.Journey) console.Journey {
	out := console.Journey{Trace: string(j.Trace), Account: string(j.Account), Kind: string(j.Kind), Dropped: j.Dropped}
	for _, s := range j.Steps {
		out.Steps = append(out.Steps, console.Step{
			Stage: string(s.Stage), At: s.At, Took: s.Took, Rule: s.Rule, Skill: s.Skill, Model: s.Model, Worker: s.Worker,
			Tool: s.Tool, Outcome: s.Outcome, Fault: s.Fault, Count: s.Count,
		})
	}
	return out
}
