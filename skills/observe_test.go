package skills_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

func TestObserve(t *testing.T) {
	failed := fault.New(fault.RateLimited, "ask Anna", errors.New("secret words"), fault.WithRef("r3f"))
	for name, want := range map[string]error{"success": nil, "failure": failed} {
		t.Run(name, func(t *testing.T) {
			var events []core.Event
			observer := core.ObserverFunc(func(e core.Event) { events = append(events, e) })
			now := skilltest.Now
			var out bytes.Buffer
			log := zerolog.New(&out)
			turn := skilltest.NewTurn(skilltest.TurnOptions{Text: "secret words", Model: "big", Attempt: 2, Log: &log})
			h := skills.Observe(skills.Manifest{Name: "talk"}, observer, func() time.Time { return now })(
				handler(func() error { now = now.Add(3 * time.Second); return want }))
			if err := h.Handle(t.Context(), turn, &skilltest.RecordingWriter{}); !errors.Is(err, want) {
				t.Fatalf("got %v, want %v", err, want)
			}
			wantEvents := []core.Event{{
				Stage: core.StageSkill, At: skilltest.Now.Add(3 * time.Second), Took: 3 * time.Second, Trace: "trace",
				Account: "account", Kind: core.KindMessage, Rule: "rule", Skill: "talk", Model: "big", Err: want,
			}}
			if diff := cmp.Diff(wantEvents, events, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			line := map[string]any{}
			if err := json.Unmarshal(out.Bytes(), &line); err != nil {
				t.Fatalf("log %q: %v", out.String(), err)
			}
			wantLine := map[string]any{
				"level": "info", "message": "skill ended", "skill": "talk", "rule": "rule", "attempt": 2.0, "took": 3000.0,
			}
			if want != nil {
				wantLine["class"], wantLine["ref"] = "rate_limited", "r3f"
			}
			if diff := cmp.Diff(wantLine, line); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
			for _, hidden := range []string{"secret", "Anna"} {
				if strings.Contains(out.String(), hidden) {
					t.Errorf("the log holds %q: %s", hidden, out.String())
				}
			}
		})
	}
}

func TestObserveSeesAPanic(t *testing.T) {
	var events []core.Event
	h := skills.Chain(handler(func() error { panic("boom") }), skills.Recover(),
		skills.Observe(skills.Manifest{Name: "talk"}, core.ObserverFunc(func(e core.Event) { events = append(events, e) }), time.Now))
	err := h.Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), &skilltest.RecordingWriter{})
	if fault.ClassOf(err) != fault.Bug || len(events) != 1 || fault.ClassOf(events[0].Err) != fault.Bug {
		t.Errorf("error %v, events %v", err, events)
	}
}
