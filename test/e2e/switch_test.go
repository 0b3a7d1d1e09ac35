package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/test/hubtest"
	"github.com/parley-hub/parley/test/pgtest"
	"github.com/parley-hub/parley/test/redistest"
)

const apiKey = "e2e-key-of-no-real-program"

// switching is the section models of a hub with versions. WORKER is blue's.
const switching = `{default: chat, pools: {
    chat: {versions: [{name: blue, weight: 1, model: fake, workers: [{url: "WORKER", api_key: "KEY", slots: 64}]},
      {name: green, weight: 0, model: leaf, workers: [{url: "GREEN", api_key: "KEY", slots: 64}]},
      {name: cold, weight: 0, model: ice, workers: [{url: "COLD", api_key: "KEY", slots: 64}]}]},
    other: {roles: [user], model: other, workers: [{url: "OTHER", api_key: "KEY"}]}}}`

// program asks the hub's API without a pause.
type program struct {
	w      *world
	ctx    context.Context
	asking sync.WaitGroup

	mu sync.Mutex
	// phase is what the test is at; versions are who answered what was asked in it.
	phase    int
	versions map[int]map[string]int
	failed   []string
}

func (w *world) program(askers int) *program {
	ctx, cancel := context.WithCancel(w.t.Context())
	p := &program{w: w, ctx: ctx, versions: map[int]map[string]int{}}
	w.t.Cleanup(func() { cancel(); p.asking.Wait() })
	for range askers {
		p.asking.Go(func() {
			for p.ctx.Err() == nil {
				p.once()
			}
		})
	}
	return p
}

func (p *program) once() {
	p.mu.Lock()
	phase := p.phase
	p.mu.Unlock()
	version, err := p.w.asks(p.ctx, p.w.hub, "chat")
	if p.ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != "" {
		p.failed = append(p.failed, err)
	}
	if p.versions[phase] == nil {
		p.versions[phase] = map[string]int{}
	}
	p.versions[phase][version]++
}

// asks a hub's model as a program does.
func (w *world) asks(ctx context.Context, h *hubtest.Hub, model string) (version, failure string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+h.Address+"/v1/chat/completions",
		strings.NewReader(`{"model":"`+model+`","messages":[{"role":"user","content":"hello there"}]}`))
	if err != nil {
		return "", err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return "", resp.Status + " " + string(body)
	}
	return resp.Header.Get("X-Model-Version"), ""
}

// next begins another phase: what is asked from now on counts for it.
func (p *program) next() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase++
	return p.phase
}

// heard waits until so many were answered in a phase, and gives by whom.
func (p *program) heard(phase, n int) []string {
	p.w.t.Helper()
	var who []string
	p.w.eventually("answers to programs", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		who = nil
		all := 0
		for version, count := range p.versions[phase] {
			who, all = append(who, version), all+count
		}
		return all >= n
	})
	slices.Sort(who)
	return who
}

// only tells that all answers in a phase came from one version.
func (p *program) only(phase int, version string) {
	p.w.t.Helper()
	if who := p.heard(phase, 50); !slices.Equal(who, []string{version}) {
		p.w.t.Errorf("phase %d was answered by %q, want %s alone", phase, who, version)
	}
}

// models runs a command about models.
func (w *world) models(code int, args ...string) hubtest.Result {
	w.t.Helper()
	got := hubtest.Run(w.t, w.hub.Dir, nil, append([]string{"models"}, args...)...)
	if got.Code != code {
		w.t.Fatalf("parley models %v: %+v%s", args, got, w.report())
	}
	return got
}

// configure changes the hub's configuration file.
func (w *world) configure(replace ...string) {
	w.t.Helper()
	path := filepath.Join(w.hub.Dir, "parley.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	changed := strings.NewReplacer(replace...).Replace(string(text))
	if changed == string(text) {
		w.t.Fatal("the configuration has nothing to replace")
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// Versions are switched, pools taken away and a configuration is reloaded while programs
// and people ask: nobody is left without an answer, and none comes from the version of
// before to what was asked after.
func TestSwitchingUnderLoad(t *testing.T) {
	t.Parallel()
	says := func(o modeltest.Options) *modeltest.Worker {
		o.Key, o.FirstToken = key, time.Millisecond
		return modeltest.Start(t, o)
	}
	green, cold, other := says(modeltest.Options{Model: "leaf"}), says(modeltest.Options{Model: "ice"}), says(modeltest.Options{Model: "other"})
	cold.Refuse()
	config := strings.NewReplacer("GREEN", green.Base(), "COLD", cold.Base(), "OTHER", other.Base()).Replace(switching)
	w := start(t, setup{config: map[string]string{"models": config, "api": `{keys: [{name: program, key: "` + apiKey + `"}]}`}})
	p := w.program(4)
	p.only(0, "blue")

	// Ann chooses a model, and is answered by it from the next message on.
	w.told(w.ask(ann, "/model nosuch", 1), `You have no model "nosuch" to choose. There are: other.`)
	w.told(w.ask(ann, "/model other", 2), "From the next message on other answers here.")
	w.told(w.ask(ann, "hi", 3), "[1] hi")
	if got := w.ask(ann, "/model", 4); !strings.HasPrefix(got.Text, "Here other answers, chosen for this conversation.\nThe last answer came from other, version main (other).\n") {
		t.Errorf("%q", got.Text)
	}

	if got := w.models(0, "use", "chat", "green"); got.Out != "the hub: pool chat uses blue=0 green=1 cold=0\n" {
		t.Errorf("%q", got.Out)
	}
	p.only(p.next(), "green")
	// One that cannot answer yet gets nothing until it can.
	if got := w.models(0, "use", "chat", "cold"); !strings.Contains(got.Out, "chat/cold waits for a ready worker") {
		t.Errorf("%q", got.Out)
	}
	p.only(p.next(), "green")
	cold.Return(t)
	w.eventually("the cold version answers", func() bool { return strings.Contains(w.models(0).Out, "version cold, weight 1,") })
	p.only(p.next(), "cold")
	if out := w.models(0).Out; !strings.Contains(out, "pool chat, the default\n    blue=0 green=0 cold=1, chosen by operator ") || !strings.Contains(out, ", ready, ") {
		t.Errorf("%s", out)
	}
	for _, c := range []struct{ args, want string }{
		{"use chat gren", `there is no version "gren"; there are: blue, cold, green`}, {"use chta blue", `there is no pool "chta"; there are: chat, other`},
		{"use chat blue=1 green", `"green" needs a weight beside others`}, {"use chat", "models use takes a pool and versions of it"},
		{"use chat blue=0", "one version needs a weight above 0"}, {"use chat blue=x", "a weight is a number from 0 to"},
	} {
		if got := w.models(2, strings.Fields(c.args)...); !strings.Contains(got.ErrOut, c.want) {
			t.Errorf("%s: %q", c.args, got.ErrOut)
		}
	}

	// A broken file changes nothing and is told whole.
	w.configure("name: blue, weight: 1", "name: blue, weight: -1", "model: leaf", "model: ''")
	if got := w.models(2, "reload"); !strings.Contains(got.ErrOut, "models.pools.chat.versions[0].weight") || !strings.Contains(got.ErrOut, "models.pools.chat.versions[1].model") {
		t.Errorf("%q", got.ErrOut)
	}
	if err := syscall.Kill(w.hub.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	w.eventually("the broken file is refused", func() bool { return w.hub.Count("the configuration was not reloaded; what was before holds") == 1 })
	p.only(p.next(), "cold")

	// Ann's model goes, and so do two versions; the log level is for a restart.
	text, _, _ := strings.Cut(config, "    other:")
	w.configure("name: blue, weight: -1", "name: blue, weight: 1", "model: ''", "model: leaf", "level: debug", "level: info")
	gone := strings.NewReplacer("WORKER", w.model.worker.Base(), "KEY", key).Replace(config[len(text):])
	w.configure(gone, "}}", "name: green, weight: 0", "name: green, weight: 2")
	if got := w.models(0, "reload"); got.Out != "the hub: models reloaded\n  log.level has changed, and needs a restart\n" {
		t.Errorf("%q", got.Out)
	}
	// The configuration's weights have changed: they hold, not what was chosen before.
	if who := p.heard(p.next(), 200); !slices.Equal(who, []string{"blue", "green"}) {
		t.Errorf("answered by %q", who)
	}
	if got := w.ask(ann, "and now?", 5); !strings.Contains(got.Text, "and now?") {
		t.Errorf("Ann is told %q", got.Text)
	}
	if got := w.ask(ann, "/model", 6); !strings.HasPrefix(got.Text, "Here chat answers.\nThe chosen other is not available here at the moment.\nThe last answer came from chat, version ") {
		t.Errorf("%q", got.Text)
	}
	if _, failure := w.asks(t.Context(), w.hub, "other"); !strings.HasPrefix(failure, "404 ") || !strings.Contains(failure, "There are: chat.") {
		t.Errorf("a pool that is gone: %s", failure)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.failed) > 0 {
		t.Errorf("%d requests failed, such as %s%s", len(p.failed), p.failed[0], w.report())
	}
}

// A switch reaches all nodes, holds for one that is started again, and is over when the
// configuration says something else.
func TestSwitchingOnNodes(t *testing.T) {
	t.Parallel()
	redis, postgres := redistest.Start(t), pgtest.New(t)
	blue, green := modeltest.Start(t, modeltest.Options{Model: "fake"}), modeltest.Start(t, modeltest.Options{Model: "leaf"})
	w := newWorld(t, setup{})
	node := func(name string) *hubtest.Hub {
		h := hubtest.New(t, fmt.Sprintf(`http: {listen: "ADDRESS"}
data_dir: "DIR"
redis: {url: %q}
postgres: {url: %q}
node: {name: %s}
channels: {telegram: {token: %q, api_url: %q}}
api: {keys: [{name: program, key: %q}]}
models: {pools: {chat: {versions: [{name: blue, weight: 1, model: fake, workers: [{url: %q}]},
  {name: green, weight: 0, model: leaf, workers: [{url: %q}]}]}}}
`, redis.URL(), postgres.URL().Reveal(), name, token, w.api, apiKey, blue.Base(), green.Base()))
		h.Start()
		h.WaitReady()
		return h
	}
	one, two := node("one"), node("two")
	from := func(h *hubtest.Hub, want string) {
		t.Helper()
		for range 10 {
			if version, failure := w.asks(t.Context(), h, "chat"); version != want || failure != "" {
				t.Fatalf("answered by %q, want %s: %s\n%s", version, want, failure, strings.Join(h.Lines(), "\n"))
			}
		}
	}
	from(one, "blue")
	from(two, "blue")
	got := hubtest.Run(t, one.Dir, nil, "models", "use", "chat", "green")
	if got.Code != 0 || strings.Count(got.Out, ": pool chat uses blue=0 green=1\n") != 2 {
		t.Fatalf("%+v", got)
	}
	from(one, "green")
	from(two, "green")
	if code := two.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	two.Start()
	two.WaitReady()
	from(two, "green")
	// The second node's file says something else now, and that holds, there.
	path := filepath.Join(two.Dir, "parley.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "weight: 1", "weight: 9", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(two.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	w.eventually("the file holds again", func() bool {
		version, _ := w.asks(t.Context(), two, "chat")
		return version == "blue"
	})
	from(one, "green")
	got = hubtest.Run(t, one.Dir, nil, "models", "use", "chat", "green=3")
	if got.Code != 1 || strings.Count(got.Out, ": pool chat uses blue=0 green=3\n") != 1 ||
		!strings.Contains(got.ErrOut, "its configuration of the pool is another one than here; reload it first") {
		t.Errorf("%+v", got)
	}
}
