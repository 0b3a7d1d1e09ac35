package plugin_test

import (
	"testing"

	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

// BenchmarkTurn is one turn with one reply: inside the hub, and through a program.
func BenchmarkTurn(b *testing.B) {
	outside := newBench(b, nil, "echo").skill(b, "echo")
	for _, c := range []struct {
		where string
		skill skills.Skill
	}{{"inside", programs["echo"]}, {"plugin", outside}} {
		b.Run(c.where, func(b *testing.B) {
			turn := skilltest.NewTurn(skilltest.TurnOptions{Text: "hello"})
			for b.Loop() {
				if err := c.skill.Handle(b.Context(), turn, &skilltest.RecordingWriter{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
