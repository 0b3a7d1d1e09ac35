package plugin_test

import (
	"testing"

	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

// TestSample: the suite's own sample passes as a program, by what people write and by what
// models call.
func TestSample(t *testing.T) {
	b := newBench(t, nil, "sample", "failing")
	s, failing := b.skill(t, "sample"), b.skill(t, "failing")
	for name, one := range map[string]skills.Skill{"said": s, "called": skilltest.Calling(s, skilltest.SampleSay)} {
		t.Run(name, func(t *testing.T) {
			skilltest.Run(t, skilltest.Harness{
				New:        func(*testing.T) skills.Skill { return one },
				NewFailing: func(*testing.T) skills.Skill { return skilltest.Calling(failing, skilltest.SampleFail) },
			})
		})
	}
}
