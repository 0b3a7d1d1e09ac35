package configs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMCPProblems(t *testing.T) {
	text := `channels: {telegram: {token: x}}
api: {keys: [{name: ci, key: 0123456789abcdef}], mcp: {clients: [{key: nobody, role: king}, {key: ci, skills: ["A b", a, a]}, {key: ci}]}}
skills:
  mcp:
    - {name: Files, command: [x], url: "https://a.test"}
    - {name: files, env: {A: b}, headers: {X: y}, trusted: true, read_only: [/x]}
    - {name: files, command: [""], env: {"1a": b}, timeout: -1s, roles: [king], places: [thread], channels: [slack]}
    - {name: free, command: [x], trusted: true, read_only: [/x]}
    - {name: web, url: "ftp://a.test", headers: {X: y}}
    - {name: named, url: "https://me:secret@a.test/mcp"}
    - {name: lines, url: "https://a.test/mcp", headers: {"a b": c, X: "a\nb"}}
    - {name: lists, url: "https://a.test/mcp", tools: [a, "", a], dangerous: [b, a], safe: [a]}
`
	want := []string{
		`api.mcp.clients[0].key (line 2): must be the name of a key in api.keys`,
		`api.mcp.clients[0].role (line 2): must be one of: user, admin`,
		`api.mcp.clients[1].skills[0] (line 2): must be the name of a skill: lower case letters, digits and hyphens`,
		`api.mcp.clients[1].skills[2] (line 2): is named before already`,
		`api.mcp.clients[2].key (line 2): is the key of api.mcp.clients[1] already`,
		`skills.mcp[0].url (line 5): has a command beside it; a server has one of them`,
		`skills.mcp[0].name (line 5): must be lower case letters, digits and hyphens: it is the name of a skill`,
		`skills.mcp[1].command (line 6): is missing, and so is url; a server has one of them`,
		`skills.mcp[1].env (line 6): has no command beside it`,
		`skills.mcp[1].headers (line 6): has no url beside it`,
		`skills.mcp[1].read_only (line 6): has no command beside it`,
		`skills.mcp[1].trusted (line 6): has no command beside it`,
		`skills.mcp[2].channels[0] (line 7): must be the name of a channel in channels`,
		`skills.mcp[2].command[0] (line 7): must name a program`,
		`skills.mcp[2].env.1a (line 7): must be the name of a variable: letters, digits and _`,
		`skills.mcp[2].name (line 7): is the name of skills.mcp[1] already`,
		`skills.mcp[2].places[0] (line 7): must be one of: private, group`,
		`skills.mcp[2].roles[0] (line 7): must be one of: user, admin`,
		`skills.mcp[2].timeout (line 7): must be a time, 0s for the one of all servers`,
		`skills.mcp[3].read_only (line 8): has trusted beside it, which may read everything`,
		`skills.mcp[4].url (line 9): must be an http or https address without a name in it, such as https://tools.example.org/mcp`,
		`skills.mcp[5].url (line 10): must be an http or https address without a name in it, such as https://tools.example.org/mcp`,
		`skills.mcp[6].headers."a b" (line 11): must be the name of a header`,
		`skills.mcp[6].headers.X (line 11): must be one line of plain letters`,
		`skills.mcp[7].dangerous[0] (line 12): is not among the tools beside it`,
		`skills.mcp[7].safe[0] (line 12): is among dangerous too`,
		`skills.mcp[7].tools[1] (line 12): must not be empty`,
		`skills.mcp[7].tools[2] (line 12): is named before already`,
	}
	got := problems(t, text)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(strings.Join(got, "\n"), "secret@") {
		t.Error("a secret is told")
	}
}
