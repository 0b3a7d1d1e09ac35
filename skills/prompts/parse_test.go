package prompts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/prompts"
)

const least = "---\nname: pdf-notes\ndescription: Read forms.\n---\nDo it well.\n"

func TestParse(t *testing.T) {
	p, err := prompts.Parse([]byte(least), "pdf-notes")
	if err != nil {
		t.Fatal(err)
	}
	want := prompts.Prompt{
		Manifest: skills.Manifest{
			Name: "pdf-notes", Description: map[string]string{"en": "Read forms."}, NeedsModel: true,
			Commands: []skills.Command{{Name: "pdf_notes", Help: map[string]string{"en": "Read forms."}, Args: "[words]"}},
		},
		Instructions: "Do it well.", Offered: true,
	}
	hidden := cmpopts.IgnoreUnexported(skills.Command{})
	if diff := cmp.Diff(want, p, hidden); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	full := "\ufeff---\r\nname: weather\r\n" + `description: >
  Says what the weather will be,
  ` + strings.Repeat("and so on ", 20) + `
license: Apache-2.0
compatibility: Needs nothing
allowed-tools: Bash(git:*) Read
disable-model-invocation: true
metadata:
  author: somebody
  version: "1.2"
  parley-command: rain
  parley-help-de: Sagt das Wetter
  parley-model: fast
  parley-roles: admin, user
  parley-places: [private]
  parley-keywords: rain, snow storm
  parley-pattern: (?i)^wetter
  parley-timeout: 90s
  parley-tool: false
  parley-intents: |
    will it rain, or snow
    wird es regnen
--- 
# How

` + "```yaml\n---\nname: not me\n---\n```"
	if p, err = prompts.Parse([]byte(full), "weather"); err != nil {
		t.Fatal(err)
	}
	if p.Manifest.Commands[0].Name != "rain" || len([]rune(p.Manifest.Commands[0].Help["en"])) != skills.MaxHelp || p.Manifest.Commands[0].Help["de"] != "Sagt das Wetter" {
		t.Errorf("%+v", p.Manifest.Commands)
	}
	p.Manifest.Commands, p.Manifest.Description = nil, nil
	want = prompts.Prompt{
		Manifest: skills.Manifest{
			Name: "weather", Version: "1.2", NeedsModel: true, Roles: []skills.Role{skills.Admin, skills.User}, Places: []core.Place{core.Private},
			Triggers: skills.Triggers{Keywords: []string{"rain", "snow storm"}, Pattern: "(?i)^wetter", Intents: []string{"will it rain, or snow", "wird es regnen"}},
			Timeout:  90 * time.Second,
		},
		Instructions: "# How\n\n```yaml\n---\nname: not me\n---\n```", Model: "fast", License: "Apache-2.0", Compatibility: "Needs nothing",
	}
	if diff := cmp.Diff(want, p, hidden); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// All that is wrong is told at once.
func TestProblems(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"no front":      {"# Hello", []string{"front matter"}},
		"not ended":     {"---\nname: x\n", []string{"front matter"}},
		"no YAML":       {"---\nname: [\n---\nx", []string{"no YAML", "name is missing", "description is missing"}},
		"no map":        {"---\n- a\n---\nx", []string{"no map", "name is missing"}},
		"empty":         {"---\n---\n", []string{"no map", "instructions"}},
		"no UTF-8":      {"---\nname: \xff\n---\n", []string{"UTF-8"}},
		"another":       {strings.Replace(least, "pdf-notes", "other", 1), []string{`"other" is not that of its folder, "pdf-notes"`}},
		"double hyphen": {strings.Replace(least, "pdf-notes", "a--b", 1), []string{`"a--b"`}},
		"long":          {strings.Replace(least, "pdf-notes", strings.Repeat("x", 65), 1), []string{"1 to 64"}},
		"much": {"---\nname: pdf-notes\nname: x\ndescription: " + strings.Repeat("x", 1025) + "\ncompatibility: " + strings.Repeat("x", 501) +
			"\nlicense: [a]\nmetadata:\n  parley-roles: king\n  parley-places: moon\n  parley-pattern: (\n  parley-colour: red\n  parley-timeout: soon\n" +
			"  parley-tool: perhaps\n  parley-command: cancel\n  odd: {a: b}\n  parley-help-de: " + strings.Repeat("y ", 100) + "\n---\n", []string{
			"name stands there twice", "1025 characters", "501 characters", "license is no text", `role "king"`, `place "moon"`, "pattern",
			"parley-colour is unknown", "parley-timeout", "parley-tool", `command "cancel"`, "metadata odd", "no instructions",
		}},
	} {
		_, err := prompts.Parse([]byte(c.text), "pdf-notes")
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: not told of %s:\n%v", name, want, err)
			}
		}
	}
}

// A long name has a command all the same.
func TestLongName(t *testing.T) {
	name := strings.Repeat("abcdefghi-", 6) + "end"
	p, err := prompts.Parse([]byte(strings.Replace(least, "pdf-notes", name, 1)), name)
	if err != nil || p.Manifest.Commands[0].Name != "abcdefghi_abcdefghi_abcdefghi_ab" {
		t.Errorf("%+v %v", p.Manifest.Commands, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(least)
	f.Add("---\nmetadata: &a\n  x: *a\n---\n")
	f.Add("---\r\nname: \"\"\r\n---")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := prompts.Parse([]byte(text), "pdf-notes")
		if err != nil {
			return
		}
		if _, err := skills.NewSet(skillOf{manifest: p.Manifest}); err != nil || p.Instructions == "" {
			t.Errorf("%q became %+v: %v", text, p, err)
		}
	})
}

type skillOf struct {
	skills.HandlerFunc
	manifest skills.Manifest
}

func (s skillOf) Manifest() skills.Manifest { return s.manifest }
