package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestExitCodes runs commands in a folder with a configuration of its own.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("wrong.yaml", []byte("data_dri: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("here.yaml", []byte("data_dir: file/data\nhttp: {listen: 127.0.0.1:0}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		args     []string
		env      []string
		code     int
		out, err string
	}{
		{name: "version", args: []string{"version"}, out: "parley dev\n"},
		{name: "help", args: []string{"--help"}, out: "Usage:\n  parley"},
		{name: "check of nothing", args: []string{"check"}, out: "configuration is fine (no file, the built-in defaults)"},
		{name: "a warning", args: []string{"check"}, env: []string{"PARLEY_ACCESS_DM=listed"}, out: "configuration is fine", err: "warning: access.allow: is empty"},
		{name: "unknown flag", args: []string{"--nosuch"}, code: exitUsage, err: "unknown flag: --nosuch"},
		{name: "argument too many", args: []string{"version", "x"}, code: exitUsage, err: `version takes no arguments, got "x"; see parley --help`},
		{name: "a word that is no command", args: []string{"srve"}, code: exitUsage, err: "srve"},
		{name: "no envelope", args: []string{"explain"}, code: exitUsage, err: "explain needs at least one envelope file"},
		{name: "usage of nothing", args: []string{"usage"}, code: exitFailed, err: "parley: there is no ledger of usage in data/records.db"},
		{name: "usage by what is not there", args: []string{"usage", "--by", "day,worker"}, code: exitUsage, err: `one or more of person, account, role, model, skill, day, not "worker"`},
		{name: "usage by the same twice", args: []string{"usage", "--by", "day,day"}, code: exitUsage, err: "--by names day twice"},
		{name: "usage since no day", args: []string{"usage", "--since", "november"}, code: exitUsage, err: `--since is a day such as 2026-11-01, not "november"`},
		{name: "no such configuration", args: []string{"--config", "none.yaml"}, code: exitUsage, err: "none.yaml: no such file"},
		{name: "wrong configuration", args: []string{"--config", "wrong.yaml"}, code: exitUsage, err: `did you mean "data_dir"?`},
		{name: "a failure", args: []string{"--config", "here.yaml"}, code: exitFailed, err: "parley: open data directory: file/data is not a writable directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			code := run(t.Context(), c.args, c.env, &out, &errOut)
			if code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(errOut.String(), c.err) {
				t.Errorf("exit code %d\n%s%s", code, &out, &errOut)
			}
			if c.out == "" && out.Len() > 0 || c.err == "" && errOut.Len() > 0 {
				t.Errorf("it said more than it should: %q %q", &out, &errOut)
			}
		})
	}
	// A file beside it is taken without being named.
	if err := os.WriteFile(filepath.Join(dir, "parley.yaml"), []byte("http: {listen: 127.0.0.1:9}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"check"}, nil, &out, &out); code != exitOK || !strings.Contains(out.String(), "fine (parley.yaml)") {
		t.Errorf("exit code %d\n%s", code, &out)
	}
}
