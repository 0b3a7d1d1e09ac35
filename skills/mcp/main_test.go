package mcp_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/logtest"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/mcp"
	"github.com/parley-hub/parley/skills/skilltest"
)

// patience is how long something may take that takes milliseconds on an idle machine.
const patience = 30 * time.Second

// program names which server the test's own binary is.
const program = "MCP_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if name := os.Getenv(program); name != "" {
		programs[name]()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// rig is servers that run, and what was seen of them.
type rig struct {
	t       *testing.T
	servers *mcp.Servers
	log     *logtest.Log

	mu     sync.Mutex
	events []string
	set    *skills.Set
	// refuse is what Publish answers; nil for yes.
	refuse error
	moved  chan struct{} // closed and made anew with each event and each set
}

// quick are times for tests in which nothing is to take long.
func quick() mcp.Times {
	times := mcp.DefaultTimes
	times.First, times.Settle, times.Again, times.MaxAgain = patience, time.Millisecond, time.Millisecond, 50*time.Millisecond
	times.Start, times.Call, times.Wait, times.Grace = patience, patience, patience, patience
	return times
}

// impatient are times for servers that hang.
func impatient() mcp.Times {
	times := quick()
	times.Start, times.Call, times.Wait, times.Grace = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond, 100*time.Millisecond
	return times
}

// start runs servers until the test ends.
func start(t *testing.T, times mcp.Times, servers ...mcp.Server) *rig {
	t.Helper()
	return startWith(t, mcp.Options{Times: times, Servers: servers})
}

func startWith(t *testing.T, o mcp.Options) *rig {
	t.Helper()
	r := &rig{t: t, log: &logtest.Log{}, moved: make(chan struct{})}
	o.Log, o.Version = zerolog.New(r.log), "test"
	o.Observe = func(server, what string) { r.move(func() { r.events = append(r.events, server+" "+what) }) }
	o.Publish = func(all []*mcp.Skill) error {
		list := make([]skills.Skill, len(all))
		for i, s := range all {
			list[i] = s
		}
		set, err := skills.NewSet(list...)
		if err != nil {
			return err
		}
		r.mu.Lock()
		err = r.refuse
		r.mu.Unlock()
		if err == nil {
			r.move(func() { r.set = set })
		}
		return err
	}
	var err error
	if r.servers, err = mcp.New(o); err != nil {
		t.Fatal(err)
	}
	r.servers.Load(t.Context())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.servers.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = r.servers.Close()
		if t.Failed() {
			t.Log(r.log)
		}
	})
	return r
}

func (r *rig) move(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
	close(r.moved)
	r.moved = make(chan struct{})
}

// wait waits until something holds, which is looked at with each event and each set.
func (r *rig) wait(what string, holds func() bool) {
	r.t.Helper()
	late := time.After(patience)
	for {
		r.mu.Lock()
		ok, moved := holds(), r.moved
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-moved:
		case <-late:
			r.t.Fatalf("never: %s; events %v\n%s", what, r.events, r.log)
		}
	}
}

// saw waits for an event, n times.
func (r *rig) saw(event string, n int) {
	r.t.Helper()
	r.wait(event, func() bool { return count(r.events, event) >= n })
}

func count(list []string, word string) (n int) {
	for _, w := range list {
		if w == word {
			n++
		}
	}
	return n
}

// skill is the version of a server's skill that is in use.
func (r *rig) skill(name string) skills.Skill {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.set.ByName(name)
	if !ok {
		r.t.Fatalf("there is no skill %s", name)
	}
	return s
}

// tools are the names of the tools of a skill.
func (r *rig) tools(name string) []string {
	var names []string
	for _, t := range r.skill(name).Manifest().Tools {
		names = append(names, t.Name)
	}
	return names
}

// has waits until a skill has exactly these tools.
func (r *rig) has(name string, want ...string) {
	r.t.Helper()
	r.wait("tools "+strings.Join(want, " "), func() bool {
		s, ok := r.set.ByName(name)
		if !ok {
			return false
		}
		var names []string
		for _, t := range s.Manifest().Tools {
			names = append(names, t.Name)
		}
		return slices.Equal(names, want)
	})
}

// call calls a tool of a skill as a model does.
func call(t *testing.T, s skills.Skill, tool, input string) ([]core.Part, error) {
	t.Helper()
	return callIn(t.Context(), t, s, tool, input, &skilltest.Files{})
}

func callIn(ctx context.Context, t *testing.T, s skills.Skill, tool, input string, files skills.Files) ([]core.Part, error) {
	t.Helper()
	turn := skilltest.NewTurn(skilltest.TurnOptions{
		Called: &skills.Called{Tool: tool, Call: "1"}, Input: json.RawMessage(input), Parts: []core.Part{}, Files: files,
	})
	var w skilltest.RecordingWriter
	if err := s.Handle(ctx, turn, &w); err != nil {
		return nil, err
	}
	replies := w.Replies()
	if len(replies) != 1 {
		t.Errorf("%d replies", len(replies))
	}
	return slices.Concat(replies...), nil
}

// self is this test's binary as a server's program.
func self(t *testing.T, name, which string, env map[string]string) mcp.Server {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := mcp.Server{Name: name, Command: []string{path}, Env: map[string]secret.String{program: secret.New(which)}}
	for k, v := range env {
		s.Env[k] = secret.New(v)
	}
	return s
}
