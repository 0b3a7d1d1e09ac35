package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-hub/parley/test/hubtest"
)

// inTestdata runs the command line beside the golden files' configuration.
func inTestdata(t *testing.T, args ...string) hubtest.Result {
	t.Helper()
	return hubtest.Run(t, "testdata", []string{"BOT_SECRET=" + token}, args...)
}

func TestGoldenCommandLine(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"explain.golden": {"explain", "private.json", "group.json", "command.json"},
		"asked.golden":   {"explain", "--asked", "whoami", "private.json", "command.json"},
		"check.golden":   {"check"},
		"help.golden":    {"--help"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := inTestdata(t, args...)
			if got.Code != 0 || got.ErrOut != "" {
				t.Errorf("exit code %d: %s", got.Code, got.ErrOut)
			}
			golden(t, name, got.Out)
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	same(t, "version", hubtest.Result{Out: "parley dev\n"}, inTestdata(t, "version"))
}

// TestCheckWithoutFile has nothing configured: that is the playground.
func TestCheckWithoutFile(t *testing.T) {
	t.Parallel()
	got := hubtest.Run(t, t.TempDir(), nil, "check")
	same(t, "check", hubtest.Result{Out: "configuration is fine (no file, the built-in defaults)\n" +
		"data in ./data, listening on 127.0.0.1:8080\nno channels: the playground would start\n" +
		"no model pools: a worker at the usual local addresses is used if one answers, else the offline model\n0 routes of your own\n"}, got)
}

func TestCommandLineRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "no.json"), "{")
	write(t, filepath.Join(dir, "new.json"), `{"v": 99, "id": "x"}`)
	write(t, filepath.Join(dir, "large.json"), `"`+strings.Repeat("x", 2<<20)+`"`)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--prot", "8080"}, 2, "unknown flag: --prot"},
		{[]string{"serve", "now"}, 2, `serve takes no arguments, got "now"; see parley --help`},
		{[]string{"srve"}, 2, "srve"},
		{[]string{"explain"}, 2, "explain needs at least one envelope file"},
		{[]string{"check", "--config", "nowhere.yaml"}, 2, "nowhere.yaml: no such file"},
		{[]string{"explain", "nowhere.json"}, 1, "nowhere.json: no such file"},
		{[]string{"explain", "no.json"}, 1, "no.json: envelope: unknown wire form"},
		{[]string{"explain", "new.json"}, 1, "new.json: envelope: unknown wire form: version 99, this build reads 1 to 1"},
		{[]string{"explain", "large.json"}, 1, "large.json: larger than 1048576 bytes"},
	} {
		got := hubtest.Run(t, dir, nil, c.args...)
		if got.Code != c.code || !strings.Contains(got.ErrOut, c.want) || got.Out != "" {
			t.Errorf("parley %s: exit code %d, want %d with %q; it said %s%s", strings.Join(c.args, " "), got.Code, c.code, c.want, got.Out, got.ErrOut)
		}
	}
}
