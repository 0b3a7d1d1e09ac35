package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/skills/prompts"
)

// write writes files below a folder.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

const formsMD = "---\nname: fill-forms\ndescription: Fills in forms. Use it for every form.\n---\nRead references/order.md, then fill in the form.\n"

// A folder with a SKILL.md is a skill: people call it, the model picks it by itself, and reads
// what belongs to it; its scripts are never run.
func TestInstructionsInTheHub(t *testing.T) {
	w := newTown(t)
	w.stop()
	dir := t.TempDir()
	ran := filepath.Join(t.TempDir(), "ran")
	write(t, dir, map[string]string{
		"fill-forms/SKILL.md": formsMD, "fill-forms/references/order.md": "Orders are in triplicate.", "fill-forms/scripts/x.sh": "#!/bin/sh\ntouch " + ran,
	})
	own := func(all []models.Message) bool {
		return strings.Contains(all[0].Text, "then fill in the form") && strings.Contains(all[0].Text, "Be kind.")
	}
	talk := modeltest.Start(t, modeltest.Options{
		Answer: func(all []models.Message) string {
			if last := all[len(all)-1].Text; strings.Contains(last, "in triplicate") {
				return fmt.Sprintf("%d messages, own %t: %s", len(all), own(all), last)
			}
			return "I heard " + all[len(all)-1].Text
		},
		Call: func(c modeltest.Chat) (string, []models.ToolCall) {
			last, arguments := c.Messages[len(c.Messages)-1].Text, ""
			switch {
			case strings.Contains(last, "in triplicate"):
			case strings.Contains(last, "then fill in the form"), own(c.Messages) && strings.Contains(last, "order"):
				arguments = `{"file":"references/order.md"}`
			case strings.Contains(last, "order"):
				arguments = `{}`
			}
			if arguments == "" || !strings.Contains(string(c.Body), `"name":"fill-forms"`) {
				return "", nil
			}
			return "", []models.ToolCall{{ID: fmt.Sprint("call-", len(c.Messages)), Name: "fill-forms", Arguments: json.RawMessage(arguments)}}
		},
	})
	w.cfg.Models = models.Config{Default: "talk", Pools: map[string]models.PoolConfig{"talk": poolAt(talk.Model(), talk.Base())}}.WithDefaults()
	w.cfg.Skills.Folder, w.cfg.Skills.Chat.Prompt, w.outside = dir, "Be kind.", true
	w.start()
	w.offers("fill_forms", true)
	// The model finds it by its description, has its instructions, and reads on.
	w.want(w.tell("an order, please"), "6 messages, own false: Orders are in triplicate.")
	// A person calls it; what was said before is known to it.
	w.want(w.tell("/fill_forms the order"), "9 messages, own true: Orders are in triplicate.")
	w.want(w.tell("/fill_forms"), "I heard /fill_forms")
	if help := w.tell("/help"); !strings.Contains(help, "/fill_forms [words] – Fills in forms. Use it for every form.") {
		t.Errorf("help: %s", help)
	}
	if n := strings.Count(w.log.String(), "are never run"); n != 1 {
		t.Errorf("it is said %d times that scripts are not run", n)
	}
	// A wrong version leaves the old one; a new one takes new turns; without one there is none.
	write(t, dir, map[string]string{"fill-forms/SKILL.md": "---\nname: other\n---\n"})
	w.until("it is told", func() bool { return strings.Contains(w.log.String(), "the old one goes on") })
	w.want(w.tell("/fill_forms"), "I heard /fill_forms")
	write(t, dir, map[string]string{"fill-forms/SKILL.md": strings.Replace(formsMD, "description: ", "metadata: {parley-command: forms}\ndescription: ", 1)})
	w.offers("forms", true)
	w.want(w.tell("/forms the order"), "17 messages, own true: Orders are in triplicate.")
	if err := os.RemoveAll(filepath.Join(dir, "fill-forms")); err != nil {
		t.Fatal(err)
	}
	w.offers("forms", false)
	if _, err := os.Stat(ran); err == nil {
		t.Error("a script was run")
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// TestInstructionsWithoutTheirPool: parley check tells of a skill that no model would speak for.
func TestInstructionsWithoutTheirPool(t *testing.T) {
	w := newTown(t)
	w.cfg.Skills.Folder = t.TempDir()
	for pool, want := range map[string]string{"talk": "", "nowhere": `skill fill-forms: parley-model names "nowhere", and there is no such pool`} {
		text := strings.Replace(formsMD, "\n---\n", "\nmetadata:\n  parley-model: "+pool+"\n---\n", 1)
		write(t, w.cfg.Skills.Folder, map[string]string{"fill-forms/SKILL.md": text})
		w.cfg.Models.Pools = map[string]models.PoolConfig{"talk": {}}
		err := Check(t.Context(), io.Discard, w.cfg, "parley.yaml")
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && got != want {
			t.Errorf("%s: %v", pool, err)
		}
	}
}

// Where not everything may be used, instructions need to be named too; who looks sees why.
func TestAllowedInstructions(t *testing.T) {
	w := newTown(t)
	dir, source := t.TempDir(), filepath.Join(t.TempDir(), "fill-forms")
	write(t, source, map[string]string{"SKILL.md": formsMD, "references/order.md": "Orders are in triplicate.", "scripts/x.sh": "exit 1"})
	w.cfg.Skills.Folder = dir
	run := func(do func(out *bytes.Buffer) error) string {
		t.Helper()
		var out bytes.Buffer
		if err := do(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	for range 2 { // the second time in its place
		said := run(func(out *bytes.Buffer) error { return InstallSkill(t.Context(), out, w.cfg, source) })
		if !strings.Contains(said, "fill-forms is installed as "+filepath.Join(dir, "fill-forms")) {
			t.Errorf("install: %s", said)
		}
	}
	s, err := prompts.Read(filepath.Join(dir, "fill-forms"))
	if err != nil {
		t.Fatal(err)
	}
	list := func() string {
		return run(func(out *bytes.Buffer) error { return ListSkills(t.Context(), out, w.cfg) })
	}
	if got := list(); got != "fill-forms\t\t/fill_forms\t"+s.Sum()+"\tprompt\n" {
		t.Errorf("list: %q", got)
	}
	info := run(func(out *bytes.Buffer) error { return SkillInfo(t.Context(), out, w.cfg, "fill-forms") })
	for _, line := range []string{`"kind": "prompt"`, `"sha256": "` + s.Sum(), `"references/order.md"`, `"scripts": "never run"`, `"Fills in forms. Use it for every form."`} {
		if !strings.Contains(info, line) {
			t.Errorf("info does not say %s:\n%s", line, info)
		}
	}
	w.cfg.Skills.Allow.Sums = []string{strings.Repeat("0", 64)}
	if got := list(); !strings.Contains(got, "fill-forms\tthe file may not be started: its checksum "+s.Sum()) {
		t.Errorf("list: %q", got)
	}
	w.stop()
	w.outside = true
	w.start()
	if !strings.Contains(w.log.String(), "its checksum "+s.Sum()+" is not among those allowed") {
		t.Errorf("it was taken:\n%s", w.log)
	}
	key := filepath.Join(t.TempDir(), "key")
	signer, _, _ := strings.Cut(strings.TrimPrefix(lastLine(run(func(out *bytes.Buffer) error { return SkillKey(out, key) })), `skills.allow.signers: ["`), `"`)
	w.cfg.Skills.Allow.Signers = []string{signer}
	run(func(out *bytes.Buffer) error { return SignSkills(out, w.cfg, []string{"fill-forms"}, key) })
	w.stop()
	w.start()
	w.offers("fill_forms", true)
	run(func(out *bytes.Buffer) error { return RemoveSkill(out, w.cfg, "fill-forms") })
	w.offers("fill_forms", false)
	if got := list(); got != "no skills in "+dir+"\n" {
		t.Errorf("list: %q", got)
	}
	if err := PlaySkill(t.Context(), strings.NewReader(""), io.Discard, io.Discard, w.cfg, source); err == nil || !strings.Contains(err.Error(), "SKILL.md") {
		t.Errorf("run: %v", err)
	}
}
