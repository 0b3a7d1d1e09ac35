package skilltest_test

import (
	"testing"

	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

// TestSample: the sample passes the suite inside the hub, by what people write and by what
// models call.
func TestSample(t *testing.T) {
	slow := func(*testing.T) (skills.Skill, <-chan struct{}) {
		s, working := skilltest.NewSlowSample()
		return skilltest.Calling(s, skilltest.SampleWait), working
	}
	failing := func(*testing.T) skills.Skill {
		return skilltest.Calling(skilltest.NewFailingSample(), skilltest.SampleFail)
	}
	t.Run("said", func(t *testing.T) {
		skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill { return skilltest.NewSample() }, NewFailing: failing, NewSlow: slow})
	})
	t.Run("called", func(t *testing.T) {
		skilltest.Run(t, skilltest.Harness{
			New:        func(*testing.T) skills.Skill { return skilltest.Calling(skilltest.NewSample(), skilltest.SampleSay) },
			NewFailing: failing, NewSlow: slow,
		})
	})
}
