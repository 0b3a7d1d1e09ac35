package mcpserver_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/simulators/nodetest"
)

const nodeTimeout = 2 * time.Minute

// An unrelated client finds the tools, calls them, and understands what goes wrong.
func TestNPM(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	dir := nodetest.Dir(ctx, t, "testdata/npm", "@modelcontextprotocol/sdk")
	r := start(t)
	run := func(key string, calls ...string) []string {
		node := exec.CommandContext(ctx, "node", "client.mjs", r.url, key)
		node.Dir, node.Stdin = dir, strings.NewReader(strings.Join(calls, "\n"))
		out, err := node.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	got := run(keyDesk,
		`{"name":"greet","arguments":{"who":"Ada","times":1}}`, `{"name":"draw"}`, `{"name":"ask","arguments":{}}`, `{"name":"fail"}`, `{"name":"nothing"}`,
		`{"name":"send_to_person","arguments":{"person":"telegram:1","text":"hi"}}`)
	want := []string{
		`{"server":"parley","tools":["ask","draw","erase!","fail","greet","panic","quiet","tell","work","send_to_person!"]}`,
		`{"failed":false,"said":["hello Ada ` + string(core.PersonOf("api", "desk")) + `"]}`,
		`{"failed":false,"said":["image image/png picture","a house"]}`,
		`{"failed":false,"said":["Which color?","[red]","[The skill asked this and waits for an answer, which cannot be given here.]"]}`,
		`{"failed":true,"said":["The glue is dry. (`,
		`{"refused":-32602}`,
		`{"failed":false,"said":["It is on its way."]}`,
	}
	for i := range want {
		if i < len(got) && strings.HasPrefix(got[i], want[i]) {
			got[i] = want[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := run(keyDesk + "x"); len(got) != 1 || !strings.Contains(got[0], "refused") {
		t.Errorf("with a wrong key: %s", got)
	}
}
