package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/fleet"
	"github.com/parley-hub/parley/models/modeltest"
)

// reloading is a hub, not running, whose file can be changed.
type reloading struct {
	t    *testing.T
	file string
	head string
	*App
	log *bytes.Buffer
}

func newReloading(t *testing.T, text string) *reloading {
	t.Helper()
	r := &reloading{t: t, file: filepath.Join(t.TempDir(), "parley.yaml"), log: new(bytes.Buffer)}
	r.head = "http: {listen: '127.0.0.1:0'}\ndata_dir: " + t.TempDir() + "\nchannels: {telegram: {token: '1:x'}}\n"
	r.write(text)
	o := Options{File: r.file, Log: zerolog.SyncWriter(r.log), Reload: func() (*configs.Config, []configs.Warning, error) {
		return configs.Load(configs.Source{Path: r.file, Factories: Factories()})
	}}
	var err error
	if o.Config, _, err = o.Reload(); err != nil {
		t.Fatal(err)
	}
	if r.App, err = New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopped, stop := context.WithCancel(context.Background())
		stop()
		if err := r.Run(stopped); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *reloading) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(r.head+text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func TestReloadTakesModelsAndNamesTheRest(t *testing.T) {
	w := modeltest.Start(t, modeltest.Options{})
	at := "workers: [{url: '" + w.Base() + "'}]}"
	r := newReloading(t, "models: {default: chat, pools: {chat: {model: a, "+at+", fast: {model: b, "+at+"}}\nroutes: [{to: {model: fast}}]\n")
	before := digest(r.running.Load())
	r.write("models: {default: chat, skills: {recap: chat}, pools: {chat: {model: c, roles: [user], " + at + ", fast: {model: b, " + at + "}," +
		"prices: {currency: EUR, table: [{model: c, prompt: 1, completion: 1}]}, budgets: [{scope: person, day: {cost: 1}}]}\n" +
		"routes: [{to: {model: fast}}, {to: {skill: help}}]\nlog: {level: warn}\n")
	restart, err := r.reload(t.Context())
	if err != nil || !slices.Equal(restart, []string{"log.level", "routes"}) {
		t.Errorf("%v, %v", restart, err)
	}
	if got := r.registry.May(models.RoleUser); !slices.Equal(got, []string{"chat"}) {
		t.Errorf("users may choose %v", got)
	}
	if micros, ok := r.usage.prices.Load().Cost("c", 1_000_000, 0, 0); !ok || micros != 1_000_000 {
		t.Errorf("a million tokens cost %d", micros)
	}
	if after := digest(r.running.Load()); after == before {
		t.Error("other nodes are not told of another configuration")
	}
	for text, want := range map[string]string{
		"models: {pools: {chat: {model: c, " + at + "}}\n":                                         "models.pools.fast: cannot be taken away: routes[0] of the running hub names it",
		"models: {skills: {recpa: fast}, pools: {fast: {model: c, " + at + "}}\n":                  "models.skills.recpa: must stand beside the name of a skill",
		"models: {accounts: {telegrom: fast}, pools: {fast: {model: c, " + at + "}}\n":             "models.accounts.telegrom",
		"models: {pools: {fast: {policy: best, model: c, queue: {items: -1}, " + at + "}}\nx: 1\n": "x (line 5)",
	} {
		r.write(text)
		if _, err := r.reload(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if names := r.registry.Names(); !slices.Equal(names, []string{"chat", "fast"}) {
			t.Errorf("what is wrong was taken: %v", names)
		}
	}
}

func TestModelsOfUnknownSkillsAreRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "parley.yaml")
	text := "http: {listen: '127.0.0.1:0'}\ndata_dir: " + t.TempDir() + "\nchannels: {telegram: {token: '1:x'}}\n" +
		"models: {skills: {recpa: chat}, pools: {chat: {model: a, workers: [{url: 'http://127.0.0.1:1'}]}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := configs.Load(configs.Source{Path: file, Factories: Factories()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), Options{Config: c, File: file, Log: new(bytes.Buffer)}); err == nil || !strings.Contains(err.Error(), "models.skills.recpa") {
		t.Errorf("%v", err)
	}
}

func TestHowManyAreKeptWarm(t *testing.T) {
	s := &poolset{}
	s.schedule.Store(fleet.NewSchedule([]models.PrewarmConfig{{Pool: "chat", Cron: "* * * * *", Ahead: time.Hour, Workers: 10}}, "chat"))
	versions := twoVersions(3, 1)
	for name, c := range map[string]struct {
		pool        string
		keep        time.Duration
		min         int
		blue, green int
	}{
		"a peak, by weights":        {"chat", 0, 0, 8, 3},
		"a peak, and a minimum":     {"chat", 0, 5, 8, 5},
		"no peak":                   {"other", 0, 0, 0, 0},
		"no peak, a minimum":        {"other", 0, 2, 2, 2},
		"a minimum of those pinged": {"other", time.Minute, 2, 2, 2},
	} {
		p := versions
		p.KeepWarm, p.MinWarm = c.keep, c.min
		if blue, green := s.warm(c.pool, p, "blue"), s.warm(c.pool, p, "green"); blue != c.blue || green != c.green {
			t.Errorf("%s: %d and %d, want %d and %d", name, blue, green, c.blue, c.green)
		}
	}
	versions.KeepWarm = time.Minute
	if n := s.warm("other", versions, "blue"); n < 1000 {
		t.Errorf("%d are kept warm, want all", n)
	}
}

// TestReportTellsOfWorkers: who works for others, or asked for patience, is told with it.
func TestReportTellsOfWorkers(t *testing.T) {
	a := answer{node: "node-a", report: report{
		Version: "v1", Default: "chat",
		Versions: []reportVersion{{Pool: "chat", Name: "blue", Model: "tiny", Weight: 1, Queued: 2}},
		Workers: []reportWorker{
			{Pool: "chat", Version: "blue", Name: "gpu-1", Model: "tiny", State: "ready", InFlight: 3, Slots: 8, Others: 2},
			{
				Pool: "chat", Version: "blue", Name: "gpu-2", Model: "tiny", State: "degraded", Slots: 8,
				Until: time.Date(2026, 11, 21, 12, 0, 5, 0, time.UTC), Err: "too many requests",
			},
			{Pool: "other", Version: "blue", Name: "gpu-3", Model: "tiny"},
		},
	}}
	want := `node-a, version v1
  pool chat, the default
    version blue, weight 1, model tiny, waiting 2
      gpu-1, ready, 3 of 8 slots, 2 of others
      gpu-2, degraded, 0 of 8 slots, not asked before 2026-11-21T12:00:05Z, too many requests
`
	var b strings.Builder
	if a.write(&b, nil); b.String() != want {
		t.Errorf("told:\n%s", b.String())
	}
}
