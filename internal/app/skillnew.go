package app

// skeleton is a skill to begin with, by file. NAME, COMMAND and REQUIRE are filled in.
var skeleton = map[string]string{
	"go.mod": `module NAME

go 1.26.0

REQUIRE
`,
	"main.go": `// Command NAME is a skill of Parley.
package main

import (
	"context"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/sdk"
)

func main() { sdk.Main(Skill{}) }

// Skill is safe for concurrent use.
type Skill struct{}

// Manifest says what calls the skill, and what it may reach.
func (Skill) Manifest() skills.Manifest {
	return skills.Manifest{
		Name: "NAME", Version: "0.1.0",
		Commands: []skills.Command{{
			Name: "COMMAND", Args: "[words]",
			Help: map[string]string{"en": "Say it in capitals", "de": "Sag es in Großbuchstaben"},
		}},
	}
}

var nothing = skills.Phrase{
	"en": "Write something behind the command.",
	"de": "Schreibe etwas hinter den Befehl.",
}

// Handle answers one turn.
func (Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text := strings.ToUpper(strings.TrimSpace(t.Args))
	if text == "" {
		text = nothing.In(t.Envelope.From.Language)
	}
	w.Reply(core.Text{Text: text})
	return nil
}
`,
	"main_test.go": `package main

import (
	"testing"

	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/plugintest"
	"github.com/parley-hub/parley/skills/skilltest"
)

func TestInside(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill { return Skill{} }})
}

func TestAsProgram(t *testing.T) {
	s := plugintest.Start(t, plugintest.Build(t, "."))
	skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill { return s }})
}
`,
}
