package openaichat_test

import (
	"strings"
	"testing"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/openaichat"
)

func known(v float64) models.Gauge { return models.Gauge{Value: v, Known: true} }

func TestLoad(t *testing.T) {
	for _, test := range []struct {
		name string
		kind models.Kind
		page string
		want models.Load
	}{
		{"vLLM", models.KindVLLM, `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="/models/{x}\"y\""} 3.0
vllm:num_requests_waiting{engine="0",model_name="qwen"} 2.0 1795198106000
vllm:kv_cache_usage_perc{engine="0",model_name="qwen"} 0.25
vllm:prefix_cache_queries_total{engine="0",model_name="qwen"} 1.5e+06
vllm:prefix_cache_queries_created{engine="0",model_name="qwen"} 1.7e+09
vllm:prefix_cache_hits_total{engine="0",model_name="qwen"} 500000.0
`, models.Load{Running: known(3), Waiting: known(2), Cache: known(0.25), CacheQueries: known(1.5e6), CacheHits: known(5e5)}},
		{"vLLM of 2024", models.KindVLLM, "vllm:num_requests_running{model_name=\"q\"} 0\nvllm:gpu_cache_usage_perc{model_name=\"q\"} 0.5\n",
			models.Load{Running: known(0), Cache: known(0.5)}},
		{"two engines", models.KindVLLM, `vllm:num_requests_running{engine="0"} 3
vllm:num_requests_running{engine="1"} 4
vllm:kv_cache_usage_perc{engine="0"} 0.9
vllm:kv_cache_usage_perc{engine="1"} 0.1`, models.Load{Running: known(7), Cache: known(0.9)}},
		{"SGLang, all ranks", models.KindSGLang, `sglang:num_running_reqs{tp_rank="0",pp_rank="0"} 3
sglang:num_running_reqs{tp_rank="1",pp_rank="0"} 3
sglang:num_queue_reqs{tp_rank="0"} 1
sglang:token_usage{tp_rank="0"} 0.33`, models.Load{Running: known(3), Waiting: known(1), Cache: known(0.33)}},
		{"nonsense", models.KindVLLM, "vllm:num_requests_running -1\nvllm:num_requests_waiting NaN\nvllm:kv_cache_usage_perc 57\nvllm:prefix_cache_hits_total +Inf\nvllm:prefix_cache_queries_total ten\n", models.Load{Nonsense: true}},
		{"huge", models.KindVLLM, "vllm:num_requests_running 1e300\nvllm:num_requests_waiting 1e999\nvllm:kv_cache_usage_perc 1e-999\n", models.Load{Cache: known(0), Nonsense: true}},
		{"one engine lies", models.KindVLLM, "vllm:num_requests_running{engine=\"0\"} 3\nvllm:num_requests_running{engine=\"1\"} -1\n", models.Load{Nonsense: true}},
		{"rounded up", models.KindVLLM, "vllm:kv_cache_usage_perc 1.0000001\n", models.Load{Cache: known(1)}},
		{"no values", models.KindVLLM, "vllm:num_requests_running\nvllm:num_requests_waiting{\nvllm:kv_cache_usage_perc{a=\"}\n{} 7\n", models.Load{}},
		{"of another server", models.KindVLLM, "sglang:num_running_reqs 3\n", models.Load{}},
		{"a page", models.KindVLLM, "<html>", models.Load{}},
		{"a long line between", models.KindVLLM, "x{y=\"" + strings.Repeat("z", 100_000) + "\"} 1\nvllm:num_requests_running 3\n", models.Load{Running: known(3)}},
		{"without metrics", models.KindOllama, "ollama 3\n", models.Load{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &scripted{answers: map[string]string{"GET /metrics": test.page}}
			got, err := s.start(t, openaichat.Options{Kind: test.kind}).Load(t.Context())
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
}

func TestLoadFails(t *testing.T) {
	for answer, class := range map[string]fault.Class{
		"Not Found: x": 0, "Not Implemented: x": 0, "Bad Request: model name is missing": 0,
		"Unauthorized: x": 0, "Internal Server Error: x": fault.Retryable, loading: fault.Retryable,
	} {
		s := &scripted{answers: map[string]string{"GET /metrics": answer}}
		got, err := s.start(t, openaichat.Options{Kind: models.KindLlamaCPP}).Load(t.Context())
		if fault.ClassOf(err) != class || got != (models.Load{}) {
			t.Errorf("%s: %+v, %v", answer, got, err)
		}
	}
}

func TestLoadIsBounded(t *testing.T) {
	s := &scripted{answers: map[string]string{"GET /metrics": strings.Repeat("vllm:num_requests_running 3\n", 200_000)}}
	got, err := s.start(t, openaichat.Options{Kind: models.KindVLLM}).Load(t.Context())
	if fault.ClassOf(err) != fault.Retryable || got != (models.Load{}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCapturedLoad(t *testing.T) {
	for name, want := range map[string]models.Load{
		"llamacpp-2025-02.metrics": {Running: known(0), Waiting: known(0), Cache: known(0.0158691)},
		"llamacpp-2026-08.metrics": {Running: known(0), Waiting: known(0)},
		"ollama-0.17.4.metrics":    {},
	} {
		c := capture(t, name)
		client := newClient(t, openaichat.Options{Base: "http://worker.test", HTTP: c.http(), Kind: models.KindLlamaCPP})
		got, err := client.Load(t.Context())
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
