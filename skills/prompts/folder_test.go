package prompts_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/prompts"
	"github.com/parley-hub/parley/skills/skilltest"
)

// put writes files below a folder, by their names.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func skillMD(name, body string) string {
	return fmt.Sprintf("---\nname: %s\ndescription: About %s.\n---\n%s\n", name, name, body)
}

// rig is a folder that is looked at by hand.
type rig struct {
	*prompts.Folder
	t         *testing.T
	dir       string
	log       strings.Builder
	events    []string
	published []string
	refuse    error
}

func newRig(t *testing.T, allow func(sum, sig string) error) *rig {
	r := &rig{t: t, dir: t.TempDir()}
	r.Folder = prompts.New(prompts.Options{
		Dir: r.dir, Allow: allow, Log: zerolog.New(&r.log),
		Talk: func(s *prompts.Skill) skills.Handler {
			return skills.HandlerFunc(func(_ context.Context, _ *skills.Turn, w skills.Writer) error {
				w.Reply(core.Text{Text: s.Prompt().Instructions})
				return nil
			})
		},
		Observe: func(skill, what string) { r.events = append(r.events, skill+" "+what) },
		Publish: func(all []*prompts.Skill) error {
			if r.refuse != nil {
				return r.refuse
			}
			r.published = nil
			for _, s := range all {
				r.published = append(r.published, s.Manifest().Name)
			}
			return nil
		},
	})
	return r
}

// says is what a skill answers; empty for none.
func (r *rig) says(name string) string {
	for _, s := range r.Skills() {
		if s.Manifest().Name == name {
			var w skilltest.RecordingWriter
			if err := s.Handle(r.t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), &w); err != nil {
				r.t.Fatal(err)
			}
			return w.Text()
		}
	}
	return ""
}

func (r *rig) want(name, says string) {
	r.t.Helper()
	if got := r.says(name); got != says {
		r.t.Errorf("%s says %q, want %q\n%s", name, got, says, r.log.String())
	}
}

func TestFolder(t *testing.T) {
	r := newRig(t, nil)
	put(t, r.dir, map[string]string{
		"one/SKILL.md": skillMD("one", "first"), "program": "ELF", "two/README.md": "no skill", ".part/SKILL.md": skillMD("part", "x"),
		"bad/SKILL.md": "---\nname: other\n---\n",
	})
	r.Load(t.Context())
	r.want("one", "first")
	if !slices.Equal(r.published, []string{"one"}) || !slices.Equal(r.events, []string{"bad refused", "one taken"}) {
		t.Errorf("%q %q", r.published, r.events)
	}
	for _, problem := range []string{"not that of its folder", "description is missing", "no instructions"} {
		if !strings.Contains(r.log.String(), problem) {
			t.Errorf("not told that %s:\n%s", problem, r.log.String())
		}
	}
	// Taken when the second look finds it as the first one did.
	put(t, r.dir, map[string]string{"two/SKILL.md": skillMD("two", "a"), "one/SKILL.md": skillMD("one", "second")})
	r.Look(t.Context())
	r.want("two", "")
	r.want("one", "first")
	put(t, r.dir, map[string]string{"two/SKILL.md": skillMD("two", "and more")})
	r.Look(t.Context())
	r.want("two", "")
	r.want("one", "second")
	r.Look(t.Context())
	r.want("two", "and more")
	// A wrong one leaves the old one, told once.
	put(t, r.dir, map[string]string{"two/SKILL.md": skillMD("three", "x")})
	told := strings.Count(r.log.String(), "the old one goes on")
	for range 4 {
		r.Look(t.Context())
	}
	r.want("two", "and more")
	if n := strings.Count(r.log.String(), "the old one goes on") - told; n != 1 {
		t.Errorf("told %d times", n)
	}
	// So does one that cannot be had beside the others.
	r.refuse = errors.New("two of one name")
	put(t, r.dir, map[string]string{"two/SKILL.md": skillMD("two", "third version")})
	r.Look(t.Context())
	r.Look(t.Context())
	r.want("two", "and more")
	r.refuse = nil
	if err := os.RemoveAll(filepath.Join(r.dir, "one")); err != nil {
		t.Fatal(err)
	}
	r.Look(t.Context())
	r.want("one", "second") // it may be in the middle of being exchanged
	r.Look(t.Context())
	r.want("one", "")
	if !slices.Equal(r.published, []string{"two"}) {
		t.Errorf("%q", r.published)
	}
}

// Only text below references and assets is read, whatever a link leads to.
func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "one")
	put(t, dir, map[string]string{
		"SKILL.md": skillMD("one", "x"), "references/a.md": "A", "references/deep/b.md": "B", "assets/t.txt": "T", "assets/p.png": "\x89PNG\x00",
		"assets/big.txt": strings.Repeat("x", prompts.MaxFile+1), "scripts/run.sh": "rm -rf /", "LICENSE": "free", ".git/config": "x",
	})
	if err := os.Symlink("references/a.md", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../LICENSE", filepath.Join(dir, "references", "inside")); err != nil {
		t.Fatal(err)
	}
	s, err := prompts.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Files(); !slices.Equal(got, []string{"assets/t.txt", "references/a.md", "references/deep/b.md", "references/inside"}) || !s.Scripts() {
		t.Errorf("%q, scripts %t", got, s.Scripts())
	}
	for name, break_ := range map[string]func(dir string) error{
		"out":       func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, "references", "out")) },
		"up":        func(dir string) error { return os.Symlink("../../two", filepath.Join(dir, "references", "up")) },
		"gone":      func(dir string) error { return os.Symlink("nowhere", filepath.Join(dir, "assets", "gone")) },
		"everybody": func(dir string) error { return os.Chmod(filepath.Join(dir, "LICENSE"), 0o606) },
		"backslash": func(dir string) error { return os.WriteFile(filepath.Join(dir, `a\b`), nil, 0o600) },
		"round":     func(dir string) error { return os.Symlink(".", filepath.Join(dir, "round")) },
		"open":      func(dir string) error { return os.Chmod(dir, 0o703) },
		"doubling": func(dir string) error {
			return errors.Join(os.Symlink(".", filepath.Join(dir, "a")), os.Symlink(".", filepath.Join(dir, "b")), os.Symlink(".", filepath.Join(dir, "c")))
		},
		"too long": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "SKILL.md"), []byte(skillMD("one", strings.Repeat("x", prompts.MaxInstructions))), 0o600)
		},
		"no file":    func(dir string) error { return mkfifo(filepath.Join(dir, "pipe")) },
		"many files": func(dir string) error { return many(filepath.Join(dir, "references")) },
	} {
		copied := filepath.Join(t.TempDir(), "one")
		if err := prompts.Copy(dir, copied); err != nil {
			t.Fatal(err)
		}
		if same, err := prompts.Read(copied); err != nil || same.Sum() == "" {
			t.Fatal(err)
		}
		put(t, filepath.Dir(copied), map[string]string{"two/x": "not yours"})
		if err := break_(copied); err != nil {
			t.Fatal(err)
		}
		if _, err := prompts.Read(copied); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func many(dir string) error {
	for i := range 1001 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// The checksum is one that people can make, and changes with every file.
func TestSum(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "one")
	files := map[string]string{"SKILL.md": skillMD("one", "x"), "references/ä b.md": "B", "Z": "z", "a": "a", ".hidden": "h"}
	put(t, dir, files)
	sum := func() string {
		s, err := prompts.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s.Sum()
	}
	shell := exec.CommandContext(t.Context(), "sh", "-c", `find -L . -type f -not -path '*/.*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`)
	shell.Dir = dir
	out, err := shell.Output()
	if err != nil {
		t.Fatal(err)
	}
	before := sum()
	if want, _, _ := strings.Cut(string(out), " "); before != want {
		t.Errorf("%s, want %s", before, want)
	}
	list := ""
	for _, name := range []string{"SKILL.md", "Z", "a", "references/ä b.md"} {
		list += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(files[name])), name)
	}
	if want := sha256.Sum256([]byte(list)); before != hex.EncodeToString(want[:]) {
		t.Errorf("%s, want %x", before, want)
	}
	put(t, dir, map[string]string{"Z": "y"})
	if sum() == before {
		t.Error("a changed file has the same checksum")
	}
}

// Where not everything is allowed, a skill of instructions needs to be as well.
func TestAllow(t *testing.T) {
	allowed := map[string]bool{}
	r := newRig(t, func(sum, sig string) error {
		if text, err := os.ReadFile(sig); err == nil && string(text) == sum {
			return nil
		}
		if !allowed[sum] {
			return errors.New("not allowed: " + sum)
		}
		return nil
	})
	put(t, r.dir, map[string]string{"one/SKILL.md": skillMD("one", "first")})
	r.Load(t.Context())
	r.want("one", "")
	s, err := prompts.Read(filepath.Join(r.dir, "one"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, r.dir, map[string]string{"one.sig": s.Sum()})
	r.Look(t.Context())
	r.Look(t.Context())
	r.want("one", "first")
	put(t, r.dir, map[string]string{"one/SKILL.md": skillMD("one", "changed by somebody")})
	r.Look(t.Context())
	r.Look(t.Context())
	r.want("one", "first")
	if !strings.Contains(r.log.String(), "not allowed") {
		t.Error(r.log.String())
	}
}
