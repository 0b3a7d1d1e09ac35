// Package plugintest gives tests of a skill its program: the contract suite then runs over
// the very file that a hub would start.
package plugintest

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin"
)

// Build builds the program of a package, such as ".", and gives its path.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "skill")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, pkg)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	return program
}

// Start starts a program as a hub does. It ends with the test.
func Start(t testing.TB, program string) skills.Skill {
	t.Helper()
	s, end, err := plugin.Open(t.Context(), plugin.Options{Log: zerolog.New(zerolog.NewTestWriter(t))}, program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	return s
}
