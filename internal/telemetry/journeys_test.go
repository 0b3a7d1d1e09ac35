package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/internal/telemetry"
)

func stages(j telemetry.Journey) []core.Stage {
	var out []core.Stage
	for _, s := range j.Steps {
		out = append(out, s.Stage)
	}
	return out
}

func TestJourney(t *testing.T) {
	r := newRecorder(telemetry.Options{})
	for i, e := range []core.Event{
		{Stage: core.StageAccepted, Account: "support", Kind: core.KindMessage, Took: time.Millisecond},
		{Stage: core.StageRouted, Rule: "(intent)", Score: 0.829, Skill: "chat"},
		{Stage: core.StageDraft},
		{Stage: core.StageDraft},
		{Stage: core.StageDraft},
		{Stage: core.StageModel, Model: "default", Worker: "gpu-a"},
		{Stage: core.StageRetry, Err: errors.New("a secret word")},
	} {
		e.Trace, e.At = "t1", noon.Add(time.Duration(i)*time.Second)
		r.Observe(e)
	}
	r.Observe(core.Event{Stage: core.StageAccepted}) // belongs to no message
	all := r.Journeys().Recent(10)
	if len(all) != 1 {
		t.Fatalf("%d paths", len(all))
	}
	j := all[0]
	want := []core.Stage{core.StageAccepted, core.StageRouted, core.StageDraft, core.StageModel, core.StageRetry}
	if j.Account != "support" || j.Kind != core.KindMessage || !slices.Equal(stages(j), want) {
		t.Errorf("%+v", j)
	}
	if got := j.Steps[1].Rule; got != "(intent) 0.83" {
		t.Errorf("rule %s", got)
	}
	if d := j.Steps[2]; d.Count != 3 || !d.At.Equal(noon.Add(4*time.Second)) {
		t.Errorf("drafts %+v", d)
	}
	if f := j.Steps[4].Fault; f != "bug" {
		t.Errorf("fault %q", f)
	}
}

// Who stores a thing tells of it after somebody else may have begun to work on it.
func TestJourneyIsInTheOrderOfLife(t *testing.T) {
	r := newRecorder(telemetry.Options{})
	for _, stage := range []core.Stage{
		core.StageTaken, core.StageAccepted, core.StageSkill, core.StageSent, core.StageCommitted, core.StageDelivered,
	} {
		r.Observe(core.Event{Stage: stage, Trace: "t"})
	}
	want := []core.Stage{
		core.StageAccepted, core.StageTaken, core.StageSkill, core.StageCommitted, core.StageSent, core.StageDelivered,
	}
	if got := stages(r.Journeys().Recent(1)[0]); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestRing(t *testing.T) {
	r := newRecorder(telemetry.Options{Journeys: 3})
	for n := range 5 {
		r.Observe(core.Event{Stage: core.StageAccepted, Trace: core.TraceID(fmt.Sprint(n))})
	}
	r.Observe(core.Event{Stage: core.StageTaken, Trace: "3"})
	var got []core.TraceID
	for _, j := range r.Journeys().Recent(10) {
		got = append(got, j.Trace)
	}
	if want := []core.TraceID{"4", "3", "2"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := r.Journeys().Recent(10)[1]; len(got.Steps) != 2 {
		t.Errorf("steps of 3: %v", stages(got))
	}
	if got := r.Journeys().Recent(2); len(got) != 2 {
		t.Errorf("%d paths, want 2", len(got))
	}
	if got := r.Journeys().Recent(-1); len(got) != 0 {
		t.Errorf("%d paths, want none", len(got))
	}
}

// TestStepsAreBounded retries a message for a long time.
func TestStepsAreBounded(t *testing.T) {
	r := newRecorder(telemetry.Options{})
	r.Observe(core.Event{Stage: core.StageAccepted, Trace: "t"})
	for range 500 {
		r.Observe(core.Event{Stage: core.StageTaken, Trace: "t"})
		r.Observe(core.Event{Stage: core.StageRetry, Trace: "t"})
	}
	r.Observe(core.Event{Stage: core.StageBuried, Trace: "t"})
	j := r.Journeys().Recent(1)[0]
	if len(j.Steps) != 32 || j.Steps[0].Stage != core.StageAccepted || j.Steps[31].Stage != core.StageBuried {
		t.Errorf("%d steps: %v", len(j.Steps), stages(j))
	}
	if j.Dropped != 1002-32 {
		t.Errorf("%d dropped", j.Dropped)
	}
}

func TestSnapshotsAreCopies(t *testing.T) {
	r := newRecorder(telemetry.Options{Journeys: 1})
	r.Observe(core.Event{Stage: core.StageAccepted, Trace: "a"})
	before := r.Journeys().Recent(1)[0]
	r.Observe(core.Event{Stage: core.StageBuried, Trace: "b"}) // takes the place of a
	if before.Trace != "a" || before.Steps[0].Stage != core.StageAccepted {
		t.Errorf("%+v", before)
	}
}

func TestSubscribe(t *testing.T) {
	r := newRecorder(telemetry.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ch := r.Journeys().Subscribe(ctx)
	r.Observe(core.Event{Stage: core.StageAccepted, Trace: "t"})
	r.Observe(core.Event{Stage: core.StageTaken, Trace: "t"})
	if j := <-ch; len(j.Steps) != 1 {
		t.Errorf("first %v", stages(j))
	}
	if j := <-ch; len(j.Steps) != 2 {
		t.Errorf("second %v", stages(j))
	}
	// Nobody reads: Observe goes on, the subscriber loses what is too much.
	for range 10_000 {
		r.Observe(core.Event{Stage: core.StageTaken, Trace: "t"})
	}
	cancel()
	kept := 0
	for range ch {
		kept++
	}
	if kept == 0 || kept >= 10_000 {
		t.Errorf("%d updates kept", kept)
	}
	r.Observe(core.Event{Stage: core.StageTaken, Trace: "t"}) // nobody is there any more
}
