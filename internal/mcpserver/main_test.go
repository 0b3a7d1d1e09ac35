package mcpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/mcpserver"
	"github.com/parley-hub/parley/internal/tools"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	keyCI   = "0123456789abcdef-ci"
	keyDesk = "0123456789abcdef-desk"
)

// workshop is a skill with a tool of each kind.
type workshop struct{ working chan struct{} }

func (workshop) Manifest() skills.Manifest {
	tool := func(name string, dangerous bool) skills.Tool {
		return skills.Tool{Name: name, Description: "What " + name + " does", Dangerous: dangerous}
	}
	return skills.Manifest{
		Name: "workshop",
		Commands: []skills.Command{{
			Name: "greet", Tool: true, Help: map[string]string{"en": "Greets"},
			Input: json.RawMessage(`{"type":"object","required":["who"],"properties":{"who":{"type":"string"},"times":{"type":"integer","default":2,"maximum":9}}}`),
		}},
		Tools: []skills.Tool{tool("erase", true), tool("fail", false), tool("ask", false), tool("draw", false), tool("tell", false), tool("quiet", false), tool("work", false), tool("panic", false)},
	}
}

func (w workshop) Handle(ctx context.Context, t *skills.Turn, to skills.Writer) error {
	switch t.Called.Tool {
	case "greet":
		var in struct {
			Who   string
			Times int
		}
		if err := json.Unmarshal(t.Input, &in); err != nil {
			return err
		}
		to.Reply(core.Text{Text: strings.Repeat("hello "+in.Who+" ", in.Times) + string(t.Person)})
	case "erase":
		to.Reply(core.Text{Text: "erased"})
	case "fail":
		return fault.New(fault.Permanent, "workshop", errors.New("inside: hunter2"), fault.WithPublic("The glue is dry."))
	case "ask":
		to.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "Which color?"}, core.Buttons{Rows: [][]core.Button{{{Label: "red", Data: "workshop:red"}}}}}, For: time.Minute})
	case "draw":
		m, err := t.Files.Keep(ctx, core.Media{Kind: core.Image, MIME: "image/png", Caption: "a house"}, strings.NewReader("picture"))
		if err != nil {
			return err
		}
		to.Reply(m)
	case "tell":
		to.ReplyIn(core.Conversation{Account: "support", Place: core.Private, Chat: "c"}, "p", core.Text{Text: "psst"})
	case "work":
		close(w.working)
		<-ctx.Done()
		return ctx.Err()
	case "panic":
		panic("oops")
	}
	return nil
}

// hub is what the server reaches, in memory.
type hub struct {
	provider *tools.Provider
	files    *skilltest.Files
	admin    map[string]bool

	mu        sync.Mutex
	delivered []skills.Result
	sent      []mcpserver.Notice
	events    []core.Event
	refuse    error
}

func (h *hub) Tools(client string) skills.Tools {
	from := core.Sender{Realm: "api", ID: core.UserID(client)}
	e := core.Envelope{In: core.Conversation{Account: core.Account(client), Place: core.Private, Chat: core.ChatID(client)}, From: from}
	t := &skills.Turn{Envelope: e, Person: from.Person(), Role: skills.User, Log: zerolog.Nop()}
	return h.provider.For(t, func(c skills.Callable) bool { return !c.Dangerous || h.admin[client] })
}

func (h *hub) Deliver(_ context.Context, r skills.Result) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.delivered = append(h.delivered, r)
	return h.refuse
}

func (h *hub) Open(context.Context, core.Media) (io.ReadCloser, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return io.NopCloser(bytes.NewReader(h.files.Kept[0])), nil
}

func (h *hub) Send(_ context.Context, client string, n mcpserver.Notice) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != nil {
		return 0, h.refuse
	}
	h.sent = append(h.sent, n)
	return 1, nil
}

func (h *hub) Observe(e core.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// rig is a server that listens.
type rig struct {
	*hub
	url     string
	log     *bytes.Buffer
	working chan struct{}
}

func start(t *testing.T) *rig {
	t.Helper()
	w := workshop{make(chan struct{})}
	set, err := skills.NewSet(w)
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{files: &skilltest.Files{}, admin: map[string]bool{"desk": true}}
	h.provider = tools.New(tools.Options{
		Skills:  func() *skills.Set { return set },
		Handler: func(string) (skills.Handler, bool) { return skills.Chain(w, skills.Recover()), true },
		Files:   func(core.Envelope) skills.Files { return h.files }, Observer: core.ObserverFunc(func(core.Event) {}), Now: time.Now,
	})
	r := &rig{hub: h, log: &bytes.Buffer{}, working: w.working}
	s, err := mcpserver.New(mcpserver.Options{
		Clients: []mcpserver.Client{{Name: "ci", Secret: secret.New(keyCI)}, {Name: "desk", Secret: secret.New(keyDesk), Send: true}, {Name: "empty"}},
		Hub:     h, MaxBody: 64 << 10, Origins: []string{"https://bot.example.org"}, Version: "test", Observer: h, Log: zerolog.New(r.log),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// bearer puts the key into each request.
type bearer struct {
	key  string
	base *http.Transport
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.key)
	return b.base.RoundTrip(r)
}

// connect is the official SDK's client. version is that of the protocol; empty for the newest.
func connect(t *testing.T, url, key, version string) *mcp.ClientSession {
	t.Helper()
	base := &http.Transport{}
	c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "0"}, nil)
	session, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: bearer{key, base}}},
		&mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = session.Close()
		base.CloseIdleConnections()
	})
	return session
}
