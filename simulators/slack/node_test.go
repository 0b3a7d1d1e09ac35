package slack_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/nodetest"
	"github.com/parley-hub/parley/simulators/slack"
)

const nodeTimeout = 3 * time.Minute

// Unrelated clients must find the simulator as they find the real platform.
func TestNodeClients(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	dir := nodetest.Dir(ctx, t, "testdata/node", "@slack/socket-mode")
	scopes := append(slack.ManifestScopes(), "im:write", "reactions:write") // of the calls that the adapter does not make
	r := start(t, slack.Options{App: slack.App{Scopes: scopes}, Control: true, RetryDelays: []time.Duration{0, time.Millisecond}, PingEvery: time.Second})
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
