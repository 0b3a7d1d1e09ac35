package prompts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// maxNamed is how many files are named to the model.
const maxNamed = 100

// What the model is told of a skill.
const (
	aboutTool    = "\n\nThis gives instructions for it; then follow them."
	aboutReading = "Reads a file that your instructions name."
	aboutFile    = "A file that the instructions name, to be read in their place."
	aboutFiles   = "\n\nFiles of these instructions, which the tool %s reads by their names: %s."
	aboutScripts = "\n\nScripts that these instructions speak of cannot be run here: do without them, and say so where that matters."
)

// Instructions are what the model is told: those of the SKILL.md, what it may read beside
// them, and what it cannot do.
func (s *Skill) Instructions() string {
	text := s.prompt.Instructions
	if files := s.Files(); len(files) > 0 {
		text += fmt.Sprintf(aboutFiles, s.name(), strings.Join(files[:min(len(files), maxNamed)], ", "))
	}
	if s.scripts {
		text += aboutScripts
	}
	return text
}

// tool is what a model calls: that of chat to have the instructions, that of the skill's own
// turns to read on.
func (s *Skill) tool(about string, reads bool) skills.Tool {
	t := skills.Tool{Name: s.name(), Description: about}
	files := s.Files()
	if len(files) == 0 {
		return t
	}
	file := map[string]any{"type": "string", "description": aboutFile}
	if len(files) <= maxNamed {
		file["enum"] = files
	}
	schema := map[string]any{"type": "object", "properties": map[string]any{"file": file}, "additionalProperties": false}
	if reads {
		schema["required"] = []string{"file"}
	}
	var err error
	if t.Input, err = json.Marshal(schema); err != nil {
		panic("prompts: a schema of plain strings: " + err.Error())
	}
	return t
}

var errNoSuchFile = errors.New("there is no such file")

// read gives what a call asks for: a file, or the instructions.
func (s *Skill) read(input json.RawMessage) (string, error) {
	var asked struct {
		File string `json:"file"`
	}
	if len(input) > 0 {
		if err := json.Unmarshal(input, &asked); err != nil {
			return "", fault.New(fault.Permanent, "skill "+s.name(), err)
		}
	}
	if asked.File == "" {
		return s.Instructions(), nil
	}
	text, ok := s.files[asked.File]
	if !ok {
		return "", fault.New(fault.Permanent, "skill "+s.name(), errNoSuchFile,
			fault.WithPublic("There is no such file. There are: "+strings.Join(s.Files()[:min(len(s.files), maxNamed)], ", ")))
	}
	return text, nil
}

// reading is the tools of a turn of the skill's own: those of others, and one that reads its
// files.
type reading struct {
	s *Skill
	// others are nil for none.
	others skills.Tools
}

var _ skills.Tools = reading{}

// List implements skills.Tools.
func (r reading) List() []skills.Callable {
	own := skills.Callable{Tool: r.s.tool(aboutReading, true), Skill: r.s.name(), Help: skills.Phrase{"en": aboutReading}}
	all := []skills.Callable{own}
	if r.others != nil {
		all = append(all, r.others.List()...)
	}
	slices.SortFunc(all, func(x, y skills.Callable) int { return strings.Compare(x.Name, y.Name) })
	return all
}

// Call implements skills.Tools.
func (r reading) Call(ctx context.Context, c skills.Call) (skills.Result, error) {
	if c.Tool != r.s.name() {
		return r.others.Call(ctx, c)
	}
	text, err := r.s.read(c.Input)
	if err != nil {
		return skills.Result{}, err
	}
	return skills.Result{Turn: core.EnvelopeID(c.ID), Skill: r.s.name(), Said: [][]core.Part{{core.Text{Text: text}}}}, nil
}
