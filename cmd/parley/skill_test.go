package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestSkillWrongUses has each wrong use answered with one line that says what to do.
func TestSkillWrongUses(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"empty", "skills"} {
		if err := os.Mkdir(dir, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	folder := []string{"PARLEY_SKILLS_FOLDER=./skills"}
	const noFolder = "set skills.folder in parley.yaml, or PARLEY_SKILLS_FOLDER"
	for _, c := range []struct {
		args string
		env  []string
		code int
		want string
	}{
		{"bogus", nil, exitUsage, `skill has no command "bogus"; see parley skill --help`},
		{"new", nil, exitUsage, "skill new NAME takes one argument"},
		{"new one two", nil, exitUsage, "skill new NAME takes one argument"},
		{"new one", nil, exitUsage, "name the folder of its source with --source"},
		{"new One --source ../..", nil, exitUsage, `lower case letters, digits and hyphens, 32 in all at most: "One"`},
		{"new one --source empty", nil, exitUsage, "--source is the folder of Parley's own source, which is not "},
		{"run nosuch", nil, exitFailed, "nosuch: there is no program and no folder with the source of one"},
		{"run empty", nil, exitFailed, "empty: there is no Go source in it; parley skill new NAME makes a folder to begin with"},
		{"test nosuch", nil, exitFailed, "nosuch: there is no such folder"},
		{"test empty", nil, exitFailed, "empty: there is no Go source in it"},
		{"install empty", nil, exitUsage, noFolder},
		{"install empty", folder, exitFailed, "empty: there is no Go source in it"},
		{"list", nil, exitUsage, noFolder},
		{"list here", nil, exitUsage, `list takes no arguments, got "here"`},
		{"remove x", nil, exitUsage, noFolder},
		{"remove x", folder, exitFailed, "there is no skill x in ./skills"},
		{"remove ../x", folder, exitUsage, `"../x"`},
		{"info x", nil, exitUsage, "there is no program x, and the configuration names no folder of skills"},
		{"info x", folder, exitFailed, "there is no program x, neither here nor in ./skills"},
		{"key", nil, exitUsage, "skill key FILE takes one argument"},
		{"key no/such", nil, exitFailed, "key no/such: open no/such: no such file"},
		{"sign", nil, exitUsage, "skill sign needs the name of a skill"},
		{"sign x", nil, exitUsage, "skill sign needs --key FILE; parley skill key FILE makes one"},
		{"sign x --key k", nil, exitFailed, "there is no key k; parley skill key k makes one"},
	} {
		var out, errOut bytes.Buffer
		code := run(t.Context(), append([]string{"skill"}, strings.Fields(c.args)...), c.env, &out, &errOut)
		if said := errOut.String(); code != c.code || !strings.Contains(said, c.want) || strings.Count(said, "\n") != 1 || out.Len() > 0 {
			t.Errorf("skill %s: exit code %d, it said %q%q, want %q", c.args, code, &out, said, c.want)
		}
	}
}
