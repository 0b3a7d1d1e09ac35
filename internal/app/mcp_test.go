package app

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/records"
)

const (
	keyDesk = "0123456789abcdef-desk"
	keyCI   = "0123456789abcdef-ci"
)

// serverProgram builds a server's program so that it runs in the jail.
func serverProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./testdata/mcpserver")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// tools gives the town's hub servers, keys and a model that calls what people ask it to:
// "tool {arguments}". It says then what it was told.
func (w *town) tools(servers ...configs.MCPServer) {
	w.t.Helper()
	w.stop()
	worker := modeltest.Start(w.t, modeltest.Options{
		Model: "m",
		Call: func(c modeltest.Chat) (string, []models.ToolCall) {
			last := c.Messages[len(c.Messages)-1]
			tool, input, ok := strings.Cut(last.Text, " ")
			if last.Role != models.User || !ok {
				return "", nil
			}
			return "", []models.ToolCall{{ID: "call-1", Name: tool, Arguments: json.RawMessage(input)}}
		},
		Answer: func(messages []models.Message) string { return "I was told: " + messages[len(messages)-1].Text },
	})
	w.cfg.Models.Pools["none"].Workers[0].URL = worker.Base()
	w.cfg.Skills.MCP = servers
	w.cfg.API.Keys = []configs.APIKey{{Name: "desk", Key: secret.New(keyDesk)}, {Name: "ci", Key: secret.New(keyCI)}, {Name: "models", Key: secret.New("0123456789abcdef-models")}}
	w.cfg.API.MCP.Clients = []configs.MCPClient{{Key: "desk", Dangerous: true, Send: true}, {Key: "ci", Skills: []string{"survey"}}}
	w.start()
}

// A person asks, the model calls, the server does, in the jail; what is dangerous a person
// confirms first.
func TestServersAreSkills(t *testing.T) {
	program := serverProgram(t)
	w := newTown(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	given := map[string]secret.String{"GIVEN": secret.New("hunter2-given")}
	w.tools(
		configs.MCPServer{Name: "tries", Command: []string{program}, Env: given},
		configs.MCPServer{Name: "free", Command: []string{program}, Trusted: true},
		configs.MCPServer{Name: "gone", URL: "http://127.0.0.1:9/mcp"},
	)
	if got := w.tell(`tries_shout {"what":"hello"}`); got != "I was told: HELLO" {
		t.Errorf("%q\n%s", got, w.log)
	}
	if got := w.tell(`tries_given {}`); got != "I was told: hunter2-given" { // and no PATH
		t.Errorf("its environment: %q", got)
	}
	reach := `{"what":"` + listener.Addr().String() + `"}`
	if got := w.tell("free_reach " + reach); got != "I was told: refused false" {
		t.Errorf("trusted: %q", got)
	}
	if got := w.tell("tries_reach " + reach); got != "I was told: refused true" {
		t.Errorf("the network from the jail: %q", got)
	}
	if got := w.tell(`tries_reach {"what":"/etc/passwd"}`); got != "I was told: 0 bytes, true" {
		t.Errorf("a file from the jail: %q", got)
	}
	if got := w.tell(`tries_erase {"what":"all"}`); strings.Contains(got, "erased") {
		t.Errorf("done without being confirmed: %q", got)
	}
	if got := w.tell("yes"); got != "I was told: erased all" {
		t.Errorf("%q", got)
	}
	for _, server := range []string{"tries", "free"} {
		if !strings.Contains(w.log.String(), `"server":"`+server+`","came"`) {
			t.Errorf("the log does not tell what %s brought", server)
		}
	}
}

// client is the official client of the hub's own server.
func (w *town) client(key string) *sdk.ClientSession {
	w.t.Helper()
	base := &http.Transport{}
	c := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "0"}, nil)
	session, err := c.Connect(w.t.Context(), &sdk.StreamableClientTransport{
		Endpoint: "http://" + w.app.address + "/mcp", HTTPClient: &http.Client{Transport: withKey{key, base}},
	}, nil)
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.log)
	}
	w.t.Cleanup(func() {
		_ = session.Close()
		base.CloseIdleConnections()
	})
	return session
}

type withKey struct {
	key  string
	base *http.Transport
}

func (k withKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+k.key)
	return k.base.RoundTrip(r)
}

// called is what a call gave.
func (w *town) called(c *sdk.ClientSession, tool string, input any) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	r, err := c.CallTool(ctx, &sdk.CallToolParams{Name: tool, Arguments: input})
	if err != nil {
		return "refused"
	}
	var out []string
	for _, content := range r.Content {
		if text, ok := content.(*sdk.TextContent); ok {
			out = append(out, text.Text)
		}
	}
	if r.IsError {
		out = append([]string{"failed"}, out...)
	}
	return strings.Join(out, "|")
}

// Another program calls the hub's skills, those of other servers too, and tells people
// something: once for an id, durably, and in the audit.
func TestHubIsAServer(t *testing.T) {
	w := newTown(t)
	w.tools(configs.MCPServer{Name: "tries", Command: []string{serverProgram(t)}, Trusted: true})
	desk, ci := w.client(keyDesk), w.client(keyCI)
	names := func(c *sdk.ClientSession) (out []string) {
		list, err := c.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, tool := range list.Tools {
			out = append(out, tool.Name)
		}
		return out
	}
	if got := names(desk); !slices.Contains(got, "forecast") || !slices.Contains(got, "tries_erase") || !slices.Contains(got, "send_to_person") {
		t.Errorf("%v", got)
	}
	if diff := cmp.Diff([]string{"forecast"}, names(ci)); diff != "" {
		t.Error(diff)
	}
	w.want(w.called(ci, "forecast", map[string]any{"city": "Linz"}), `{"city":"Linz","days":3}`)
	w.want(w.called(desk, "tries_erase", map[string]any{"what": "all"}), "erased all")
	w.want(w.called(ci, "tries_shout", map[string]any{"what": "x"}), "refused")
	send := map[string]any{"person": "telegram:7", "text": "the build is *red*", "id": "build 7"}
	w.want(w.called(ci, "send_to_person", send), "refused")
	if got := w.called(desk, "send_to_person", send); !strings.HasPrefix(got, "failed|This person never wrote") {
		t.Errorf("%q", got)
	}
	w.tell("/whoami")
	before := len(w.onTelegram())
	tick, late := time.NewTicker(10*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for w.called(desk, "send_to_person", send) != "It is on its way." {
		select { // where they were heard is in the records a moment later
		case <-tick.C:
		case <-late:
			t.Fatal("never")
		}
	}
	w.want(w.called(desk, "send_to_person", send), "It is on its way.") // once more, which is none
	w.want(w.next(w.telegram.Wait, w.onTelegram, before), "the build is red")
	w.want(w.called(desk, "send_to_person", map[string]any{"person": "telegram:7", "text": "and green", "id": "build 8"}), "It is on its way.")
	w.want(w.next(w.telegram.Wait, w.onTelegram, before+1), "and green")
	w.stop()
	if diff := cmp.Diff([]string{"key:desk sent", "key:desk sent"}, w.audit()); diff != "" {
		t.Error(diff)
	}
}

// audit is what keys did to Ann on Telegram, with the hub stopped.
func (w *town) audit() (out []string) {
	w.t.Helper()
	r, err := records.OpenSQLite(w.t.Context(), filepath.Join(w.cfg.DataDir, "records.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	err = r.Audit(w.t.Context(), core.PersonOf("telegram", "7"), func(a records.Audited) error {
		if strings.HasPrefix(a.Actor, "key:") {
			out = append(out, a.Actor+" "+string(a.Action))
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}
