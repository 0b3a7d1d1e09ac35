package skills

import (
	"context"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// errPanicked stands for the error of a handler that never returned one.
var errPanicked = fault.New(fault.Bug, "skill panicked", nil)

// Observe reports each run of the skill: one event for metrics and one line in
// the turn's log, neither with words or people. now is the clock. A panic is
// reported as a Bug and goes on to whoever recovers it. A run that a model called is only
// logged.
func Observe(m Manifest, to core.Observer, now func() time.Time) Middleware {
	return func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, t *Turn, w Writer) error {
			began := now()
			var err error = errPanicked
			defer func() {
				ended := now()
				logRun(t, m, ended.Sub(began), err)
				if t.Called != nil {
					return // who runs the call tells of it, also where the skill was not run
				}
				to.Observe(core.Event{
					Stage: core.StageSkill, At: ended, Took: ended.Sub(began), Trace: t.Envelope.Trace,
					Account: t.Envelope.In.Account, Kind: t.Envelope.Kind, Rule: t.Rule, Skill: m.Name, Model: t.Model, Err: err,
				})
			}()
			err = next.Handle(ctx, t, w)
			return err
		})
	}
}

func logRun(t *Turn, m Manifest, took time.Duration, err error) {
	line := t.Log.Info().Str("skill", m.Name).Str("rule", t.Rule).Int("attempt", t.Attempt).Dur("took", took)
	if err != nil {
		line = line.Stringer("class", fault.ClassOf(err))
		if ref := fault.Ref(err); ref != "" {
			line = line.Str("ref", ref)
		}
	}
	line.Msg("skill ended")
}
