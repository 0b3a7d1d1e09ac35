package mcp_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/simulators/nodetest"
	"github.com/parley-hub/parley/skills/mcp"
)

const nodeTimeout = 2 * time.Minute

// An unrelated server, as operators have most: a script that an interpreter runs.
func TestNPM(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	dir, err := filepath.Abs(nodetest.Dir(ctx, t, "../../internal/mcpserver/testdata/npm", "@modelcontextprotocol/sdk"))
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, quick(), mcp.Server{Name: "n", Command: []string{"node", filepath.Join(dir, "server.mjs")}, Trusted: true, Env: map[string]secret.String{"LANG": secret.New("C")}})
	r.has("n", "n_add", "n_ask", "n_draw", "n_fail", "n_grow")
	parts, err := call(t, r.skill("n"), "n_add", `{"a":2,"b":40}`)
	if core.JoinText(parts) != "42" || err != nil {
		t.Errorf("%v, %v", parts, err)
	}
	parts, err = call(t, r.skill("n"), "n_draw", "")
	if m, ok := parts[0].(core.Media); !ok || m.Size != 7 || m.Kind != core.Image || err != nil {
		t.Errorf("%v, %v", parts, err)
	}
	if _, err := call(t, r.skill("n"), "n_fail", ""); !strings.Contains(fault.Public(err), "out of ink") {
		t.Errorf("%v", err)
	}
	if _, err := call(t, r.skill("n"), "n_ask", ""); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("asked back: %v", err)
	}
	if _, err := call(t, r.skill("n"), "n_grow", ""); err != nil {
		t.Error(err)
	}
	r.has("n", "n_add", "n_ask", "n_draw", "n_fail", "n_grow", "n_grown")
}
