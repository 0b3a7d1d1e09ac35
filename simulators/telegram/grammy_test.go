package telegram_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/nodetest"
	"github.com/parley-hub/parley/simulators/telegram"
)

const nodeTimeout = 3 * time.Minute

// An unrelated client must find the simulator as it finds the real server.
func TestGrammy(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	dir := nodetest.Dir(ctx, t, "testdata/grammy", "grammy")
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
