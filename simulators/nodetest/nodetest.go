// Package nodetest sets up clients from npm that nobody here wrote, for the tests in
// which they meet a simulator. It needs node and npm.
package nodetest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Dir gives a folder with what the package.json in from names: from itself where module
// is installed there already, otherwise a temporary copy.
func Dir(ctx context.Context, t testing.TB, from, module string) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("this test needs %s: %v", tool, err)
		}
	}
	if _, err := os.Stat(filepath.Join(from, "node_modules", filepath.FromSlash(module))); err == nil {
		return from
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return dir
}
