package mcpserver_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/mcpserver"
	"github.com/parley-hub/parley/internal/tools"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/mcp"
	"github.com/parley-hub/parley/skills/skilltest"
)

// trip offers a skill by a hub's server and takes it in again as a skill of another hub.
func trip(t *testing.T, s skills.Skill) skills.Skill {
	t.Helper()
	set, err := skills.NewSet(s)
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{files: &skilltest.Files{}, admin: map[string]bool{"desk": true}}
	world := skilltest.NewWorld(s.Manifest())
	inner := skills.Chain(s, skills.Recover(), skills.Input(s.Manifest()), func(next skills.Handler) skills.Handler {
		return skills.HandlerFunc(func(ctx context.Context, t *skills.Turn, w skills.Writer) error {
			t.World = world
			return next.Handle(ctx, t, w)
		})
	})
	h.provider = tools.New(tools.Options{
		Skills:  func() *skills.Set { return set },
		Handler: func(string) (skills.Handler, bool) { return inner, true },
		Files:   func(core.Envelope) skills.Files { return &onePicture{hub: h} }, Observer: core.ObserverFunc(func(core.Event) {}), Now: time.Now,
	})
	server, err := mcpserver.New(mcpserver.Options{
		Clients: []mcpserver.Client{{Name: "desk", Secret: secret.New(keyDesk)}}, Hub: h, MaxBody: 8 << 20, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	times := mcp.DefaultTimes
	times.First = 30 * time.Second
	var now []*mcp.Skill
	servers, err := mcp.New(mcp.Options{
		Times: times, Log: zerolog.Nop(), Publish: func(all []*mcp.Skill) error {
			now = slices.Clone(all)
			return nil
		},
		Servers: []mcp.Server{{Name: "far", URL: web.URL, Headers: map[string]secret.String{"Authorization": secret.New("Bearer " + keyDesk)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = servers.Close()
		web.Close()
	})
	servers.Load(t.Context())
	return now[0]
}

// TestSuite: a skill keeps the contract through MCP, in both directions, as it does inside
// the hub and as a program (skills/skilltest, skills/plugin: TestSample).
func TestSuite(t *testing.T) {
	far := trip(t, skilltest.NewSample())
	var names []string
	for _, tool := range far.Manifest().Tools {
		names = append(names, tool.Name)
	}
	want := []string{"far_sample_count", "far_sample_file", "far_sample_order", "far_sample_say"}
	if !slices.Equal(names, want) {
		t.Fatal(names)
	}
	slow, working := skilltest.NewSlowSample()
	farSlow, farFailing := trip(t, slow), trip(t, skilltest.NewFailingSample())
	harness := func(s skills.Skill) skilltest.Harness {
		return skilltest.Harness{
			New:        func(*testing.T) skills.Skill { return s },
			NewFailing: func(*testing.T) skills.Skill { return skilltest.Calling(farFailing, "far_"+skilltest.SampleFail) },
			NewSlow: func(*testing.T) (skills.Skill, <-chan struct{}) {
				return skilltest.Calling(farSlow, "far_"+skilltest.SampleWait), working
			},
		}
	}
	t.Run("said", func(t *testing.T) {
		h := harness(far)
		h.NewSlow = nil // the same once
		skilltest.Run(t, h)
	})
	t.Run("called", func(t *testing.T) { skilltest.Run(t, harness(skilltest.Calling(far, "far_"+skilltest.SampleSay))) })
	// What fails there says here why.
	_, err := callTool(t, farFailing, "far_"+skilltest.SampleFail)
	if fault.ClassOf(err) != fault.Permanent || fault.Public(err)[:17] != "The sample fails." {
		t.Errorf("%v", err)
	}
	parts, err := callTool(t, far, "far_"+skilltest.SampleFile)
	if err != nil || len(parts) != 2 || parts[1].(core.Media).Size != 7 {
		t.Errorf("%v, %v", parts, err)
	}
}

func callTool(t *testing.T, s skills.Skill, tool string) ([]core.Part, error) {
	t.Helper()
	var w skilltest.RecordingWriter
	turn := skilltest.NewTurn(skilltest.TurnOptions{Called: &skills.Called{Tool: tool, Call: "1"}, Input: json.RawMessage(`{}`), Parts: []core.Part{}})
	err := s.Handle(t.Context(), turn, &w)
	return slices.Concat(w.Replies()...), err
}

// onePicture keeps the sample's picture, for many turns at once.
type onePicture struct{ hub *hub }

func (onePicture) Open(context.Context, core.Media) (io.ReadCloser, error) { return nil, io.EOF }

func (p *onePicture) Keep(ctx context.Context, m core.Media, r io.Reader) (core.Media, error) {
	p.hub.mu.Lock()
	defer p.hub.mu.Unlock()
	return p.hub.files.Keep(ctx, m, r)
}
