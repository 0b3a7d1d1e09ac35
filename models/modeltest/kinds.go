package modeltest

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/parley-hub/parley/models"
)

// The spellings were captured from llama.cpp's server (2026-08) and Ollama 0.17.4, and
// read in the sources of vLLM and SGLang (2026).

// routesOfKind adds what the kinds have beside the protocol they share.
func (w *Worker) routesOfKind() {
	get := func(path string, h http.HandlerFunc) { w.mux.HandleFunc("GET "+path, h) }
	switch w.o.Kind {
	case models.KindVLLM:
		get("/health", w.health)
		get("/metrics", w.metrics)
		get("/version", func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, http.StatusOK, `{"version":"0.12.0"}`) })
	case models.KindSGLang:
		// Both make it generate a token, so a busy worker answers late.
		get("/health", w.healthGenerate)
		get("/health_generate", w.healthGenerate)
		get("/metrics", w.metrics)
		get("/model_info", func(rw http.ResponseWriter, _ *http.Request) {
			writeJSON(rw, http.StatusOK, `{"model_path":`+quote(w.o.Model)+`,"is_generation":true}`)
		})
		get("/server_info", func(rw http.ResponseWriter, _ *http.Request) {
			writeJSON(rw, http.StatusOK, fmt.Sprintf(`{"version":"0.5.9","context_length":%d,"max_running_requests":%d}`, w.o.Context, w.o.Slots))
		})
	case models.KindOllama:
		get("/{$}", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("Ollama is running")) })
		get("/api/version", func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, http.StatusOK, `{"version":"0.17.4"}`) })
		get("/api/ps", func(rw http.ResponseWriter, _ *http.Request) {
			name := quote(w.o.Model)
			writeJSON(rw, http.StatusOK, `{"models":[{"name":`+name+`,"model":`+name+fmt.Sprintf(`,"context_length":%d}]}`, w.o.Context))
		})
	case models.KindLlamaCPP:
		get("/health", w.health)
		get("/metrics", w.metrics)
		get("/props", func(rw http.ResponseWriter, _ *http.Request) {
			writeJSON(rw, http.StatusOK, fmt.Sprintf(`{"default_generation_settings":{"n_ctx":%d},"total_slots":%d,"model_alias":%s,"build_info":"b9000-fake"}`,
				w.o.Context, w.o.Slots, quote(w.o.Model)))
		})
	default:
		get("/health", w.health)
	}
}

// loads answers like a worker whose model is not loaded yet.
func (w *Worker) loads(rw http.ResponseWriter) bool {
	w.mu.Lock()
	loading := time.Now().Before(w.ready)
	w.mu.Unlock()
	if loading {
		writeLoading(rw)
	}
	return loading
}

func writeLoading(rw http.ResponseWriter) {
	writeJSON(rw, http.StatusServiceUnavailable, `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`)
}

// probed plays the faults that probes meet too.
func (w *Worker) probed(rw http.ResponseWriter, r *http.Request) bool {
	w.mu.Lock()
	var s script
	for _, f := range w.faults {
		if f.Probes {
			s = append(s, f)
		}
	}
	w.mu.Unlock()
	q := request{worker: w, rw: rw, r: r, script: s}
	return q.refuse() || w.loads(rw)
}

func (w *Worker) models(rw http.ResponseWriter, r *http.Request) {
	w.count(func(c *Counts) { c.Probes++ })
	if w.probed(rw, r) || !w.allowed(rw, r) {
		return
	}
	more := `"owned_by":"fake"`
	switch w.o.Kind {
	case models.KindVLLM:
		more = fmt.Sprintf(`"owned_by":"vllm","root":%s,"parent":null,"max_model_len":%d`, quote(w.o.Model), w.o.Context)
	case models.KindSGLang:
		more = fmt.Sprintf(`"owned_by":"sglang","root":%s,"max_model_len":%d`, quote(w.o.Model), w.o.Context)
	case models.KindLlamaCPP:
		more = fmt.Sprintf(`"owned_by":"llamacpp","meta":{"n_ctx":%d,"n_ctx_train":%d}`, w.o.Context, w.o.Context)
		if w.o.Router {
			more += `,"status":{"value":` + quote(w.status()) + `}`
		}
	case models.KindOllama:
		more = `"owned_by":"library"`
	}
	writeJSON(rw, http.StatusOK, fmt.Sprintf(`{"object":"list","data":[{"id":%s,"object":"model","created":1,%s}]}`, quote(w.o.Model), more))
}

func (w *Worker) health(rw http.ResponseWriter, r *http.Request) {
	w.count(func(c *Counts) { c.Health++ })
	switch {
	case w.probed(rw, r):
	case w.o.Kind == models.KindVLLM: // 200 without a body
	default:
		writeJSON(rw, http.StatusOK, `{"status":"ok"}`)
	}
}

func (w *Worker) healthGenerate(rw http.ResponseWriter, r *http.Request) {
	w.count(func(c *Counts) { c.Health++ })
	if w.probed(rw, r) {
		return
	}
	q := request{worker: w, rw: rw, r: r}
	defer q.leaveSlot()
	if q.enterSlot() {
		new(pace).take(r.Context(), w.stretch(w.o.FirstToken+w.o.PerToken))
	}
}

func (w *Worker) metrics(rw http.ResponseWriter, r *http.Request) {
	w.count(func(c *Counts) { c.Metrics++ })
	if w.probed(rw, r) {
		return
	}
	w.mu.Lock()
	c, used, blocks := w.counts, w.cache.used(), w.cache.blocks
	w.mu.Unlock()
	model := fmt.Sprintf("{model_name=%s}", quote(w.o.Model))
	var b strings.Builder
	metric := func(name, kind, labels string, value float64) {
		fmt.Fprintf(&b, "# HELP %s Of the fake worker.\n# TYPE %s %s\n%s%s %v\n", name, name, kind, name, labels, value)
	}
	switch w.o.Kind {
	case models.KindVLLM:
		metric("vllm:num_requests_running", "gauge", model, float64(c.Running))
		metric("vllm:num_requests_waiting", "gauge", model, float64(c.Waiting))
		metric("vllm:kv_cache_usage_perc", "gauge", model, used)
		metric("vllm:prefix_cache_queries_total", "counter", model, float64(c.Prompt))
		metric("vllm:prefix_cache_hits_total", "counter", model, float64(c.Cached))
		metric("vllm:cache_config_info", "gauge", fmt.Sprintf(`{block_size="%d",num_gpu_blocks="%d"}`, blockTokens, blocks), 1)
	case models.KindSGLang:
		metric("sglang:num_running_reqs", "gauge", model, float64(c.Running))
		metric("sglang:num_queue_reqs", "gauge", model, float64(c.Waiting))
		metric("sglang:token_usage", "gauge", model, used)
	default:
		metric("llamacpp:prompt_tokens_total", "counter", "", float64(c.Prompt-c.Cached))
		metric("llamacpp:tokens_predicted_total", "counter", "", float64(c.Tokens))
		metric("llamacpp:requests_processing", "gauge", "", float64(c.Running))
		metric("llamacpp:requests_deferred", "gauge", "", float64(c.Waiting))
	}
	rw.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = rw.Write([]byte(b.String()))
}

// overflows refuses a prompt that is longer than the context, in the kind's words.
func (q *request) overflows(tokens int) bool {
	n := q.worker.o.Context
	if n == 0 || tokens <= n {
		return false
	}
	if q.worker.o.Kind == models.KindLlamaCPP {
		writeJSON(q.rw, http.StatusBadRequest, fmt.Sprintf(`{"error":{"code":400,"message":"request (%d tokens) exceeds the available context size (%d tokens), try increasing it",`+
			`"type":"exceed_context_size_error","n_prompt_tokens":%d,"n_ctx":%d}}`, tokens, n, tokens, n))
		return true
	}
	writeError(q.rw, http.StatusBadRequest, "context_length_exceeded",
		fmt.Sprintf("This model's maximum context length is %d tokens. However, you requested %d tokens.", n, tokens))
	return true
}
