package app_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-hub/parley/internal/app"
)

// TestSkillFromAnEmptyFolder goes the way that docs/how-to-add-a-skill.md tells.
func TestSkillFromAnEmptyFolder(t *testing.T) {
	source, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "skills")
	cfg := load(t, "../../configs/examples/minimal.yaml", append(here(t), "PARLEY_SKILLS_FOLDER="+folder)...)
	t.Chdir(t.TempDir())
	var out, intro bytes.Buffer
	if err := app.NewSkill(t.Context(), &out, "shout-it", source, "test"); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if err := app.NewSkill(t.Context(), &out, "shout-it", source, "test"); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second one: %v", err)
	}
	if err := app.NewSkill(t.Context(), &out, "../x", source, "test"); !errors.Is(err, app.ErrSkillName) {
		t.Errorf("a name that is none: %v", err)
	}
	if err := app.TestSkill(t.Context(), &out, "shout-it"); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	out.Reset()
	if err := app.PlaySkill(t.Context(), strings.NewReader("/shout_it hello\n\n/shout\n:1\n"), &out, &intro, cfg, "shout-it"); err != nil ||
		out.String() != "> HELLO\n> > (/shout is no command of this skill: /shout_it [words])\n> (there is no button 1)\n> " ||
		!strings.HasPrefix(intro.String(), "shout-it 0.1.0. Write as in a private chat: /shout_it [words].") {
		t.Errorf("play: %v\n%s%s", err, &intro, &out)
	}
	out.Reset()
	if err := app.InstallSkill(t.Context(), &out, cfg, "shout-it"); err != nil || !strings.Contains(out.String(), "shout-it 0.1.0 is installed") {
		t.Fatalf("install: %v\n%s", err, &out)
	}
	if err := os.WriteFile(filepath.Join(folder, "wrong"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := app.ListSkills(t.Context(), &out, cfg); err != nil || !strings.HasPrefix(out.String(), "shout-it\t0.1.0\t/shout_it\t") || !strings.Contains(out.String(), "\nwrong\t") {
		t.Errorf("list: %v\n%s", err, &out)
	}
	out.Reset()
	if err := app.SkillInfo(t.Context(), &out, cfg, "shout-it"); err != nil || !strings.Contains(out.String(), `"name": "shout-it"`) {
		t.Errorf("info: %v\n%s", err, &out)
	}
	if err := app.RemoveSkill(&out, cfg, "shout-it"); err != nil {
		t.Error(err)
	}
	if err := app.RemoveSkill(&out, cfg, "../x"); !errors.Is(err, app.ErrSkillName) {
		t.Errorf("a name that is none: %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, "shout-it")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
