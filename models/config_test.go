package models_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/offline"
	"github.com/parley-hub/parley/models/pool"
)

func TestConfigDefaults(t *testing.T) {
	given := models.Config{Pools: map[string]models.PoolConfig{
		"main": {Model: "tiny", Idle: time.Second, Workers: []models.WorkerConfig{{URL: "http://h"}, {URL: "http://h2", Slots: 2}}},
	}}
	full := given.WithDefaults()
	pool := full.Pools["main"]
	if full.Default != "main" || pool.FirstContent != time.Minute || pool.Idle != time.Second || pool.Total != 5*time.Minute ||
		pool.Policy != models.PolicyAuto || pool.Queue.Items != 512 || pool.Workers[1].Slots != 2 {
		t.Errorf("%+v", full)
	}
	if given.Default != "" || given.Pools["main"].Policy != "" {
		t.Error("the original was changed")
	}
	if found := full.Validate(); found != nil {
		t.Errorf("problems: %v", found)
	}
	if found := (models.Config{}).WithDefaults().Validate(); found != nil {
		t.Errorf("no pools are no problem: %v", found)
	}
}

func TestConfigProblems(t *testing.T) {
	c := models.Config{Default: "gone", Pools: map[string]models.PoolConfig{
		"Bad Name": {Model: "m", Workers: []models.WorkerConfig{{URL: "http://h"}}},
		"main": {FirstContent: -1, Workers: []models.WorkerConfig{
			{}, {URL: "ftp://user:hunter2@h", Slots: -1}, {URL: "http://h/v1"}, {URL: "https://h"},
		}},
		"none": {Model: "m"},
	}}
	var keys []string
	for _, p := range c.WithDefaults().Validate() {
		keys = append(keys, p.Key)
		if p.Text == "" || strings.Contains(p.Text, "hunter2") {
			t.Errorf("%s: %q", p.Key, p.Text)
		}
	}
	want := []string{
		"default", "pools.Bad Name", "pools.main.first_content_timeout", "pools.main.model", "pools.main.workers[0].url",
		"pools.main.workers[1].slots", "pools.main.workers[1].url", "pools.main.workers[3].url", "pools.none.workers",
	}
	if !slices.Equal(keys, want) {
		t.Errorf("problems at %q, want %q", keys, want)
	}
}

func TestVersions(t *testing.T) {
	at := func(urls ...string) (workers []models.WorkerConfig) {
		for _, url := range urls {
			workers = append(workers, models.WorkerConfig{URL: url})
		}
		return workers
	}
	full := func(p models.PoolConfig) models.Config {
		return models.Config{Pools: map[string]models.PoolConfig{"chat": p}}.WithDefaults()
	}
	c := full(models.PoolConfig{Versions: []models.VersionConfig{
		{Name: "blue", Model: "m", Workers: at("http://a"), Discover: models.DiscoverConfig{DNS: "gpu.test:8000"}},
		{Name: "green", Model: "n", Workers: at("http://a", "http://b")},
	}})
	if found := c.Validate(); found != nil {
		t.Errorf("problems: %v", found)
	}
	if all := c.Pools["chat"].All(); len(all) != 2 || all[0].Weight != 1 || all[1].Weight != 1 {
		t.Errorf("%+v", all)
	}
	short := full(models.PoolConfig{Model: "m", Workers: at("http://a")}).Pools["chat"].All()
	if len(short) != 1 || short[0].Name != models.OnlyVersion || short[0].Weight != 1 || short[0].Model != "m" || len(short[0].Workers) != 1 {
		t.Errorf("%+v", short)
	}
	c = full(models.PoolConfig{
		Policy: "best", Model: "m", Queue: models.QueueConfig{Items: -1}, Versions: []models.VersionConfig{
			{Name: "blue", Weight: 9, Model: "m", Workers: []models.WorkerConfig{{URL: "http://a", Kind: "tgi"}}},
			{Name: "blue", Weight: -1, Model: "m", Workers: at("http://a"), Discover: models.DiscoverConfig{DNS: "gpu"}},
			{Name: "", Workers: at("http://b")},
		},
	})
	var got []string
	for _, p := range c.Validate() {
		got = append(got, strings.TrimPrefix(p.Key, "pools.chat.")+": "+p.Text)
	}
	slices.Sort(got)
	want := []string{
		"policy: must be auto, round_robin, least_outstanding, power_of_two or sticky",
		"queue.items: must be at least 1",
		"versions: stands beside model or workers; move those into a version",
		"versions[0].workers[0].kind: must be vllm, sglang, llamacpp, ollama or openai",
		"versions[1].discover.dns: must be a name and a port, as in gpu.default.svc:8000",
		"versions[1].name: is the name of versions[0] already",
		"versions[1].weight: must not be below 0",
		"versions[1].workers[0].url: is the same worker as versions[0].workers[0]",
		"versions[2].model: is required: the id the workers list under /models",
		"versions[2].name: is required: 1 to 64 lower case letters, digits, '-', '_' and '.'",
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWorkerName(t *testing.T) {
	for url, want := range map[string]string{
		"http://127.0.0.1:8080/v1": "127.0.0.1:8080", "https://user:secret@h/a/v1/?key=secret": "h/a", "http://h": "h", "::": "worker",
	} {
		if got := (models.WorkerConfig{URL: url}).Name(); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

func TestRegistry(t *testing.T) {
	main := pool.New(pool.Options{Name: "main", Model: "tiny", Workers: []pool.Worker{{Name: "w", Client: offline.New(nil, 0)}}})
	spare := offline.New(nil, 0)
	r := models.NewRegistry("main", map[string]models.Client{"main": main, "spare": spare})
	for name, want := range map[string]models.Client{"": main, "main": main, "spare": spare} {
		if c, ok := r.Client(name); !ok || c != want {
			t.Errorf("%q gives %v, %v", name, c, ok)
		}
	}
	if _, ok := r.Client("gone"); ok {
		t.Error("a pool that is not there")
	}
	if r.Default() != "main" || !slices.Equal(r.Names(), []string{"main", "spare"}) || len(r.Workers()) != 1 {
		t.Errorf("%s, %v, %v", r.Default(), r.Names(), r.Workers())
	}
	if _, ok := models.NewRegistry("", nil).Client(""); ok {
		t.Error("an empty registry has a client")
	}
}

func TestDiscover(t *testing.T) {
	serve := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/models" {
				t.Errorf("asked for %s", r.URL.Path)
			}
			rw.WriteHeader(status)
			_, _ = rw.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		return s.URL + "/v1"
	}
	worker := modeltest.Start(t, modeltest.Options{Model: "tiny"})
	page := serve(200, "<html>another program</html>")
	object := serve(200, `{"object":"page","data":[{"id":"x"}]}`)
	noModels := serve(200, `{"object":"list","data":null}`)
	nameless := serve(200, `{"object":"list","data":[{"name":"x"}]}`)
	embedding := serve(200, `{"object":"list","data":[{"id":"nomic-embed-text:latest"},{"id":"llama3:latest"}]}`)
	locked := serve(401, `{"object":"list","data":[{"id":"x"}]}`)
	stuck, stuckClient := modeltest.StartPiped(t, modeltest.Options{})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	for name, test := range map[string]struct {
		candidates  []string
		base, model string
	}{
		"first that is one":  {[]string{"http://127.0.0.1:1/v1", page, object, noModels, nameless, locked, worker.Base(), embedding}, worker.Base(), "tiny"},
		"chat, not vectors":  {[]string{embedding, worker.Base()}, embedding, "llama3:latest"},
		"none":               {[]string{page, object, noModels, nameless, locked, "::"}, "", ""},
		"nowhere to look":    {nil, "", ""},
		"not over this wire": {[]string{stuck.Base()}, "", ""},
	} {
		base, model, ok := models.Discover(t.Context(), test.candidates, client)
		if base != test.base || model != test.model || ok != (test.base != "") {
			t.Errorf("%s: %q, %q, %v", name, base, model, ok)
		}
	}
	if _, model, ok := models.Discover(t.Context(), []string{stuck.Base()}, stuckClient); !ok || model != "fake" {
		t.Errorf("%q, %v", model, ok)
	}
	if len(models.DefaultCandidates()) != 2 {
		t.Error("the usual places are two")
	}
}
