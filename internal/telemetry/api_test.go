package telemetry_test

import (
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/internal/telemetry"
)

// TestAPIHasNoJourney: programs that ask a lot do not push people's messages out of sight.
func TestAPIHasNoJourney(t *testing.T) {
	r := telemetry.New(telemetry.Options{Journeys: 1})
	r.Observe(core.Event{Stage: core.StageAccepted, Trace: "message"})
	r.Observe(core.Event{Stage: core.StageModel, Trace: "program"})
	r.Observe(core.Event{Stage: core.StageAPI, Trace: "program"})
	r.Observe(core.Event{Stage: core.StageModel, Trace: "message"})
	found := r.Journeys().Recent(10)
	if len(found) != 1 || found[0].Trace != "message" || len(found[0].Steps) != 2 {
		t.Errorf("%+v", found)
	}
}
