package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
	"github.com/parley-hub/parley/models/cache"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/records"
)

// running is a hub without accounts that runs until it is stopped, or the test ends.
type running struct {
	*App
	stop func()
}

func runHub(t testing.TB, edit func(*configs.Config)) running {
	t.Helper()
	env := []string{"PARLEY_DATA_DIR=" + filepath.Join(t.TempDir(), "data"), "PARLEY_HTTP_LISTEN=127.0.0.1:0"}
	c, _, err := configs.Load(configs.Source{Env: env, Factories: Factories()})
	if err != nil {
		t.Fatal(err)
	}
	edit(c)
	c.Models = c.Models.WithDefaults()
	a, err := New(t.Context(), Options{Config: c, Version: "test", Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return running{a, stop}
}

// numbered is a worker that gives each answer a number of its own.
func numbered(t testing.TB) *modeltest.Worker {
	t.Helper()
	var n atomic.Int64
	return modeltest.Start(t, modeltest.Options{Answer: func([]models.Message) string { return fmt.Sprint("answer ", n.Add(1)) }})
}

// alike is a worker for which all texts mean the same.
func alike(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/models") {
			_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"embed-alike","object":"model"}]}`)
			return
		}
		var body struct{ Input []string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !strings.HasSuffix(r.URL.Path, "/embeddings") {
			http.Error(w, "{}", http.StatusNotFound)
			return
		}
		var data []string
		for i := range body.Input {
			data = append(data, fmt.Sprintf(`{"index":%d,"embedding":[3,4]}`, i))
		}
		_, _ = fmt.Fprintf(w, `{"data":[%s],"model":"embed-alike","usage":{"prompt_tokens":%d,"total_tokens":%[2]d}}`, strings.Join(data, ","), len(body.Input))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

func poolAt(model, url string) models.PoolConfig {
	return models.PoolConfig{Model: model, Workers: []models.WorkerConfig{{URL: url, Slots: 64}}}
}

func cold(person, text string) models.Request {
	zero := 0.0
	return models.Request{
		Messages: []models.Message{{Role: models.System, Text: "Be kind."}, {Role: models.User, Text: text}},
		Sampling: models.Sampling{Temperature: &zero}, For: models.Payer{Account: "bot", Person: person, Skill: "chat"}, Trace: "trace",
	}
}

func (r running) ask(t testing.TB, pool string, q models.Request) (text string, saved bool, err error) {
	t.Helper()
	c, ok := r.registry.Client(pool)
	if !ok {
		t.Fatalf("no pool %s", pool)
	}
	for d, err := range c.Chat(context.WithoutCancel(t.Context()), q) {
		if err != nil {
			return "", false, err
		}
		text += d.Text
		saved = saved || d.Saved != nil
	}
	return text, saved, nil
}

// An answer that was given before costs nothing, is in the ledger, in the metrics, and
// for who has no budget left; without a cache none is.
func TestAnswersAreKept(t *testing.T) {
	w := numbered(t)
	var dir string
	on := runHub(t, func(c *configs.Config) {
		dir = c.DataDir
		cfg := priced(models.Budget{Scope: models.ScopePerson, Day: models.Limit{Tokens: 600}})
		cfg.Cache, cfg.Pools = models.DefaultCache(), map[string]models.PoolConfig{"chat": poolAt("fake", w.Base())}
		cfg.Cache.Skills = []string{"recap"}
		cfg.Prices.Table[0].Model = "fake"
		c.Models = cfg
	})
	first, saved, err := on.ask(t, "", cold("ann", "why?"))
	if err != nil || saved {
		t.Fatal(first, saved, err)
	}
	if got, saved, err := on.ask(t, "chat", cold("ann", "why?")); got != first || !saved || err != nil {
		t.Errorf("again: %q %t %v", got, saved, err)
	}
	warm := cold("ben", "why?")
	warm.Temperature = nil
	if _, saved, err := on.ask(t, "", warm); saved || err != nil {
		t.Errorf("%t %v", saved, err)
	}
	warm.For.Skill, warm.For.Person = "recap", "cleo"
	for _, want := range []bool{false, true} {
		if _, saved, err := on.ask(t, "", warm); saved != want || err != nil {
			t.Errorf("a skill that is named: %t, want %t, %v", saved, want, err)
		}
	}
	large := cold("ann", "why not?")
	large.MaxTokens = 600
	var over *admission.Exceeded
	if _, _, err := on.ask(t, "", large); !errors.As(err, &over) {
		t.Errorf("a budget of 600 is not enough: %v", err)
	}
	if got, saved, err := on.ask(t, "", cold("ann", "why?")); got != first || !saved || err != nil {
		t.Errorf("what costs nothing needs no budget: %q %t %v", got, saved, err)
	}
	metrics := on.metrics(t)
	for _, line := range []string{
		`parley_cache_hits_total{from="process",pool="chat"} 3`, `parley_cache_misses_total{pool="chat"} 3`, `parley_worker_in_flight{pool="chat"`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s", line)
		}
	}
	if calls := w.Counts().Started; calls != 3 {
		t.Errorf("%d calls of a worker", calls)
	}
	on.stop()
	got, err := openRecords(t, dir).Usage(t.Context(), records.UsageFilter{By: []records.UsageKey{records.ByModel}})
	if err != nil || len(got) != 1 || got[0].Served.Lines != 3 || got[0].Cached.Lines != 3 || got[0].Cached.Prompt != got[0].Served.Prompt || got[0].Cached.Micros == 0 {
		t.Errorf("%+v %v", got, err)
	}

	off := runHub(t, func(c *configs.Config) {
		c.Models = models.Config{Pools: map[string]models.PoolConfig{"chat": poolAt("fake", w.Base())}}
	})
	for range 2 {
		if _, saved, err := off.ask(t, "", cold("ann", "why?")); saved || err != nil {
			t.Errorf("size 0: %t %v", saved, err)
		}
	}
}

func (r running) metrics(t *testing.T) string {
	t.Helper()
	rec := httptest.NewRecorder()
	r.telemetry.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return rec.Body.String()
}

// Another version's answers are not those of this one.
func TestVersionsKeepTheirAnswers(t *testing.T) {
	w := numbered(t)
	hub := runHub(t, func(c *configs.Config) {
		at := []models.WorkerConfig{{URL: w.Base(), Slots: 64}}
		c.Models.Pools = map[string]models.PoolConfig{
			"chat": {Versions: []models.VersionConfig{{Name: "blue", Weight: 1, Model: "fake", Workers: at}, {Name: "green", Weight: 0, Model: "fake2", Workers: at}}},
			"more": poolAt("fake", w.Base()),
		}
		c.Models.Default = "chat"
	})
	blue, _, _ := hub.ask(t, "", cold("ann", "why?"))
	if again, saved, _ := hub.ask(t, "", cold("ann", "why?")); again != blue || !saved {
		t.Errorf("%q %t", again, saved)
	}
	if other, saved, _ := hub.ask(t, "more", cold("ann", "why?")); other == blue || saved {
		t.Errorf("another pool's answer: %q", other)
	}
	if got := hub.pools.blends["chat"].front.version(cold("ann", "why?")); got != `chat/blue/"fake"` {
		t.Errorf("%q", got)
	}
}

// A question in other words gets the answer of the first, where a skill wants it; in the
// shadow it is only counted.
func TestSimilarQuestions(t *testing.T) {
	w, vectors := numbered(t), alike(t)
	hub := runHub(t, func(c *configs.Config) {
		c.Models.Pools = map[string]models.PoolConfig{"chat": poolAt("fake", w.Base()), "vectors": poolAt("embed-alike", vectors)}
		c.Models.Default = "chat"
		c.Models.Cache.Semantic = models.SemanticConfig{Pool: "vectors", Skills: map[string]models.SemanticSkill{"chat": {}, "recap": {Shadow: true}}}
	})
	first := func(skill, person, text string) models.Request {
		r := cold(person, text)
		r.Temperature, r.For.Skill, r.Cache.First = nil, skill, true
		return r
	}
	for _, test := range []struct {
		r     models.Request
		saved bool
	}{
		{first("chat", "ann", "How do I log in?"), false},
		{first("chat", "ann", "How can I sign in"), true},
		{first("chat", "ann", "How do I log out?"), false},
		{first("chat", "ben", "How can I sign in"), false},
		{first("recap", "ann", "How do I log in?"), false},
		{first("recap", "ann", "How can I sign in"), false},
		{first("recap", "ann", "How can I sign in"), false},
		{first("other", "ann", "How do I log in?"), false},
	} {
		if text, saved, err := hub.ask(t, "", test.r); saved != test.saved || err != nil {
			t.Errorf("%s, %s: %q %t %v", test.r.For.Skill, test.r.Messages[1].Text, text, saved, err)
		}
	}
	metrics := hub.metrics(t)
	for _, line := range []string{
		`parley_cache_hits_total{from="similar",pool="chat"} 1`, `parley_cache_similar_total{outcome="shadow",pool="chat"} 2`,
		`parley_cache_similar_total{outcome="rejected",pool="chat"} 1`, `parley_batch_texts_total{pool="vectors"} 7`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	if err := hub.people.forgetAnswers(t.Context(), []core.PersonID{"ann"}); err != nil {
		t.Fatal(err)
	}
	if text, saved, _ := hub.ask(t, "", first("chat", "ann", "How can I sign in?")); saved {
		t.Errorf("forgotten, but said: %q", text)
	}
}

// Vectors are made together, and each who asked is admitted and charged for its own.
func TestVectorsAreCharged(t *testing.T) {
	w := modeltest.Start(t, modeltest.Options{Model: "embed-small", FirstToken: 20 * time.Millisecond, Context: 100})
	var dir string
	hub := runHub(t, func(c *configs.Config) {
		dir = c.DataDir
		cfg := priced(models.Budget{Scope: models.ScopePerson, Name: "poor", Day: models.Limit{Tokens: 1}})
		cfg.Prices.Table[0].Model = "embed-small"
		cfg.Pools = map[string]models.PoolConfig{"vectors": poolAt("embed-small", w.Base())}
		cfg.AtOnce.User = 64
		c.Models = cfg
	})
	client, _ := hub.registry.Client("vectors")
	embed := func(person string, texts ...string) error {
		got, err := client.(models.Embedder).Embed(t.Context(), models.EmbedRequest{Texts: texts, For: models.Payer{Account: "bot", Person: person}})
		if err == nil && len(got.Vectors) != len(texts) {
			t.Errorf("%d vectors", len(got.Vectors))
		}
		return err
	}
	var asking sync.WaitGroup
	for i := range 40 {
		asking.Go(func() {
			if err := embed(fmt.Sprint("p", i%4), fmt.Sprint("text of number ", i)); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	var over *admission.Exceeded
	if err := embed("poor", "text"); !errors.As(err, &over) {
		t.Errorf("without a budget: %v", err)
	}
	if err := embed("p0", strings.Repeat("long ", 200), "a good one beside it"); err == nil {
		t.Error("a text that is too long was taken")
	}
	counts := w.Counts()
	if counts.Embeddings > 25 {
		t.Errorf("%d calls for 42 texts", counts.Embeddings)
	}
	hub.stop()
	got, err := openRecords(t, dir).Usage(t.Context(), records.UsageFilter{By: []records.UsageKey{records.ByAccount, records.ByPerson}})
	if err != nil {
		t.Fatal(err)
	}
	people, tokens := map[string]int64{}, int64(0)
	for _, s := range got {
		tokens += s.Served.Prompt + s.Wasted.Prompt
		if s.Served.Lines > 0 {
			people[s.Keys[0]+" "+s.Keys[1]] += s.Served.Lines
		}
	}
	if diff := cmp.Diff(map[string]int64{"bot p0": 10, "bot p1": 10, "bot p2": 10, "bot p3": 10}, people); diff != "" || tokens != int64(counts.Reported.Prompt) {
		t.Errorf("%d tokens of %d, (-want +got):\n%s", tokens, counts.Reported.Prompt, diff)
	}
}

// A cache and what nodes share agree on what is too long.
func TestBoundsAgree(t *testing.T) {
	if cache.MaxKeep != 2*models.MaxCacheKeep || 2*cache.MaxKeep > cluster.MaxCachedLife || cache.MaxValue > cluster.MaxCached ||
		cache.MaxEntry > cluster.MaxSeriesEntry || cache.MaxKeep > cluster.MaxSeriesLife {
		t.Errorf("answers for %v and %v, values of %d", cache.MaxKeep, cluster.MaxCachedLife, cluster.MaxCached)
	}
}
