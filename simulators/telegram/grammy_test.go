package telegram_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/telegram"
)

const nodeTimeout = 3 * time.Minute

// grammyDir gives a folder with grammY installed: the one in testdata when it is there already,
// otherwise a temporary copy.
func grammyDir(ctx context.Context, t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("this test needs %s: %v", tool, err)
		}
	}
	const from = "testdata/grammy"
	if _, err := os.Stat(filepath.Join(from, "node_modules", "grammy")); err == nil {
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

// An unrelated client must find the simulator as it finds the real server.
func TestGrammy(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	dir := grammyDir(ctx, t)
	r := start(t, telegram.Options{Control: true, Now: time.Now})
	r.must(r.OpenPrivate(0, ann))
	node := exec.CommandContext(ctx, "node", "check.mjs", r.url, token, itoa(ann))
	node.Dir = dir
	out, err := node.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "ok" {
		var calls strings.Builder
		for _, c := range r.Calls() {
			calls.WriteString(c.Method + " " + c.Description + "\n")
		}
		t.Fatalf("%v\n%s\n%s", err, out, calls.String())
	}
}
