package slack_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/slack"
)

const nodeTimeout = 3 * time.Minute

// nodeDir gives a folder with Slack's clients installed: the one in testdata when they
// are there already, otherwise a temporary copy.
func nodeDir(ctx context.Context, t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("this test needs %s: %v", tool, err)
		}
	}
	const from = "testdata/node"
	if _, err := os.Stat(filepath.Join(from, "node_modules", "@slack", "socket-mode")); err == nil {
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

// Unrelated clients must find the simulator as they find the real platform.
func TestNodeClients(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	dir := nodeDir(ctx, t)
	r := start(t, slack.Options{Control: true, RetryDelays: []time.Duration{0, time.Millisecond}, PingEvery: time.Second})
	node := exec.CommandContext(ctx, "node", "check.mjs", r.url, botToken, appToken)
	node.Dir = dir
	var log strings.Builder // of the clients, which tell there of every refusal
	node.Stderr = &log
	out, err := node.Output()
	if err != nil || strings.TrimSpace(string(out)) != "ok" {
		var calls strings.Builder
		for _, c := range r.Calls() {
			calls.WriteString(c.Method + " " + c.Error + "\n")
		}
		t.Fatalf("%v\n%s\n%s\n%s", err, out, log.String(), calls.String())
	}
}
