package skills_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

// waiting ends with its context, saying why.
var waiting = skills.HandlerFunc(func(ctx context.Context, _ *skills.Turn, _ skills.Writer) error {
	<-ctx.Done()
	return fault.New(fault.Retryable, "wait", ctx.Err())
})

func TestTimeoutEndsTheTurnForGood(t *testing.T) {
	for name, c := range map[string]struct {
		manifest, otherwise, want time.Duration
		language, public          string
	}{
		"the manifest's": {time.Second, time.Minute, time.Second, "", "That took too long."},
		"the default":    {0, time.Minute, time.Minute, "de", "Das hat zu lange gedauert."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := skills.Timeout(skills.Manifest{Name: "slow", Timeout: c.manifest}, c.otherwise)(waiting)
				began := time.Now()
				err := h.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{Language: c.language}), &skilltest.RecordingWriter{})
				if got := time.Since(began); got != c.want {
					t.Errorf("it took %s, want %s", got, c.want)
				}
				if fault.ClassOf(err) != fault.Permanent || fault.Public(err) != c.public {
					t.Errorf("got %v of class %v, public %q", err, fault.ClassOf(err), fault.Public(err))
				}
				if !errors.Is(err, skills.ErrTooLong) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("the chain of %v lacks its causes", err)
				}
			})
		})
	}
}

func TestTimeoutLeavesADrainAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := skills.Timeout(skills.Manifest{}, time.Hour)(skills.HandlerFunc(
		func(ctx context.Context, _ *skills.Turn, _ skills.Writer) error { <-ctx.Done(); return ctx.Err() }))
	err := h.Handle(ctx, skilltest.NewTurn(skilltest.TurnOptions{}), &skilltest.RecordingWriter{})
	if !errors.Is(err, context.Canceled) || errors.Is(err, skills.ErrTooLong) || fault.ClassOf(err) != fault.Retryable {
		t.Errorf("got %v of class %v", err, fault.ClassOf(err))
	}
}

func TestTimeoutLeavesOtherEndsAlone(t *testing.T) {
	broken := errors.New("broken")
	for name, want := range map[string]error{"success": nil, "failure": broken} {
		t.Run(name, func(t *testing.T) {
			h := skills.Timeout(skills.Manifest{}, time.Hour)(handler(func() error { return want }))
			err := h.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), &skilltest.RecordingWriter{})
			if !errors.Is(err, want) || errors.Is(err, skills.ErrTooLong) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

func TestNoTimeout(t *testing.T) {
	h := skills.Timeout(skills.Manifest{}, 0)(skills.HandlerFunc(func(ctx context.Context, _ *skills.Turn, _ skills.Writer) error {
		if _, bounded := ctx.Deadline(); bounded {
			return errors.New("bounded")
		}
		return nil
	}))
	if err := h.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), &skilltest.RecordingWriter{}); err != nil {
		t.Error(err)
	}
}
