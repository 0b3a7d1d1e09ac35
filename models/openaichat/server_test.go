package openaichat_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
)

// scripted is a server that answers each path with a text; a path it does not have is
// 404. The key is "METHOD path", the answer a body or "STATUS body".
type scripted struct {
	answers map[string]string
	header  http.Header

	mu    sync.Mutex
	asked []string
	body  string
}

func (s *scripted) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	key := r.Method + " " + r.URL.Path
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.asked, s.body = append(s.asked, key), string(body)
	answer, ok := s.answers[key]
	s.mu.Unlock()
	for k, v := range s.header {
		rw.Header()[k] = v
	}
	status := http.StatusOK
	if !ok {
		status, answer = http.StatusNotFound, "404 page not found"
	}
	for _, code := range []int{400, 401, 404, 500, 501, 503} {
		if rest, ok := strings.CutPrefix(answer, http.StatusText(code)+": "); ok {
			status, answer = code, rest
		}
	}
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(answer))
}

func (s *scripted) set(key, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[key] = answer
}

// calls gives what was asked since the last time.
func (s *scripted) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// start lets the server listen and makes a client of it.
func (s *scripted) start(t *testing.T, o openaichat.Options) *openaichat.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	o.Base, o.HTTP = server.URL+"/v1", server.Client()
	return newClient(t, o)
}

const loading = `Service Unavailable: {"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`

// The answers of servers about themselves: vLLM 0.12, SGLang 0.5, llama.cpp b5747 and
// Ollama 0.17, shortened.
func vllm() *scripted {
	return &scripted{answers: map[string]string{
		"GET /v1/models": `{"object":"list","data":[
			{"id":"qwen","object":"model","owned_by":"vllm","root":"/models/Qwen2.5-7B","parent":null,"max_model_len":32768},
			{"id":"qwen-7b","object":"model","owned_by":"vllm","root":"/models/Qwen2.5-7B","parent":null,"max_model_len":32768},
			{"id":"sql-lora","object":"model","owned_by":"vllm","root":"/loras/sql","parent":"qwen","max_model_len":null}]}`,
		"GET /version": `{"version":"0.12.0"}`,
		"GET /health":  "",
	}}
}

func sglang() *scripted {
	return &scripted{answers: map[string]string{
		"GET /v1/models":       `{"object":"list","data":[{"id":"qwen","owned_by":"sglang","root":"qwen","max_model_len":32768}]}`,
		"GET /get_server_info": `{"version":"0.5.3","max_running_requests":null,"context_length":null,"internal_states":[{"effective_max_running_requests_per_dp":48},{"effective_max_running_requests_per_dp":48}]}`,
		"GET /get_model_info":  `{"model_path":"/models/Qwen","is_generation":true,"has_image_understanding":true}`,
		"GET /health":          "must not be asked",
		"GET /health_generate": "must not be asked",
	}}
}

func llamacpp() *scripted {
	return &scripted{header: http.Header{"Server": {"llama.cpp"}}, answers: map[string]string{
		"GET /v1/models":      `{"object":"list","data":[{"id":"../models/tiny.gguf","aliases":["small"],"owned_by":"llamacpp","meta":{"n_ctx":2048,"n_ctx_train":8192}}]}`,
		"GET /props":          `{"default_generation_settings":{"n_ctx":4096},"total_slots":4,"build_info":"b5747-0142961a","chat_template_caps":{"supports_tools":false},"modalities":{"vision":true}}`,
		"GET /health":         `{"status":"ok"}`,
		"POST /v1/embeddings": `Bad Request: {"error":{"code":400,"message":"\"input\" or \"content\" must be provided","type":"invalid_request_error"}}`,
	}}
}

func ollama() *scripted {
	return &scripted{answers: map[string]string{
		"GET /v1/models":   `{"object":"list","data":[{"id":"nomic-embed-text:latest","owned_by":"library"},{"id":"tiny:latest","owned_by":"library"}]}`,
		"GET /api/version": `{"version":"0.17.4"}`,
		"POST /api/show":   `{"capabilities":["completion","vision"],"parameters":"stop    \"x\"\nnum_ctx    8192\n","model_info":{"llama.context_length":131072,"general.architecture":"llama"}}`,
		"GET /api/ps":      `{"models":[{"name":"tiny:latest","context_length":4096}]}`,
		"GET /":            "Ollama is running",
	}}
}

func TestDiscover(t *testing.T) {
	chat := models.Capabilities{Chat: true, Tools: true, JSONSchema: true}
	with := func(c models.Capabilities, change func(c *models.Capabilities)) models.Capabilities {
		change(&c)
		return c
	}
	no := false
	for _, test := range []struct {
		name   string
		server *scripted
		o      openaichat.Options
		model  string
		want   models.Server
	}{
		{"vLLM", vllm(), openaichat.Options{}, "qwen", models.Server{
			Kind: models.KindVLLM, Version: "0.12.0", Models: []string{"qwen", "qwen-7b", "sql-lora"},
			Capabilities: with(chat, func(c *models.Capabilities) { c.Continue, c.Context = true, 32768 }),
		}},
		{"SGLang", sglang(), openaichat.Options{}, "qwen", models.Server{
			Kind: models.KindSGLang, Version: "0.5.3", Models: []string{"qwen"}, Slots: 96,
			Capabilities: with(chat, func(c *models.Capabilities) { c.Continue, c.Vision, c.Context = true, true, 32768 }),
		}},
		{"llama.cpp by its alias", llamacpp(), openaichat.Options{}, "small", models.Server{
			Kind: models.KindLlamaCPP, Version: "b5747-0142961a", Models: []string{"../models/tiny.gguf"}, Slots: 4,
			Capabilities: models.Capabilities{Chat: true, JSONSchema: true, Vision: true, Embeddings: true, Continue: true, Context: 4096},
		}},
		{"Ollama without its tag", ollama(), openaichat.Options{}, "tiny", models.Server{
			Kind: models.KindOllama, Version: "0.17.4", Models: []string{"nomic-embed-text:latest", "tiny:latest"},
			Capabilities: models.Capabilities{Chat: true, JSONSchema: true, Vision: true, Context: 4096},
		}},
		{"Ollama by its version alone", &scripted{answers: map[string]string{
			"GET /v1/models":   `{"object":"list","data":[{"id":"hf.co/x/tiny:latest","owned_by":"hf.co/x"}]}`,
			"GET /api/version": `{"version":"0.17.4"}`,
		}}, openaichat.Options{}, "hf.co/x/tiny", models.Server{
			Kind: models.KindOllama, Version: "0.17.4", Models: []string{"hf.co/x/tiny:latest"}, Capabilities: chat,
		}},
		{"another", &scripted{answers: map[string]string{"GET /v1/models": `{"object":"list","data":[{"id":"text-embedding-3-small","owned_by":"system"}]}`}},
			openaichat.Options{}, "text-embedding-3-small", models.Server{
				Kind: models.KindOpenAI, Models: []string{"text-embedding-3-small"}, Capabilities: models.Capabilities{Embeddings: true},
			}},
		{"one without a list", &scripted{}, openaichat.Options{}, "whisper-1", models.Server{
			Kind: models.KindOpenAI, Models: []string{}, Capabilities: models.Capabilities{Transcription: true},
		}},
		{"overridden", vllm(), openaichat.Options{Kind: models.KindOpenAI, Overrides: models.Overrides{Tools: &no, Context: 1000}}, "qwen", models.Server{
			Kind: models.KindOpenAI, Models: []string{"qwen", "qwen-7b", "sql-lora"},
			Capabilities: models.Capabilities{Chat: true, JSONSchema: true, Context: 1000},
		}},
		{"nonsense", &scripted{header: http.Header{"Server": {"llama.cpp"}}, answers: map[string]string{
			"GET /v1/models": `{"object":"list","data":[{"id":"tiny","meta":null,"aliases":7,"owned_by":[]}]}`,
			"GET /props":     `{"default_generation_settings":{"n_ctx":1e30},"total_slots":-4,"build_info":"b0-unknown"}`,
		}}, openaichat.Options{}, "tiny", models.Server{
			Kind: models.KindLlamaCPP, Version: "b0-unknown", Models: []string{"tiny"}, Capabilities: chat,
		}},
		{"pages", &scripted{header: http.Header{"Server": {"llama.cpp"}}, answers: map[string]string{
			"GET /v1/models": `{"object":"list","data":[{"id":"tiny"}]}`, "GET /props": "<html>", "POST /v1/embeddings": "<html>",
		}}, openaichat.Options{}, "tiny", models.Server{Kind: models.KindLlamaCPP, Models: []string{"tiny"}, Capabilities: chat}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.server.start(t, test.o).Discover(t.Context(), test.model)
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != test.want.Kind || got.Version != test.want.Version || got.Capabilities != test.want.Capabilities ||
				got.Slots != test.want.Slots || !slices.Equal(got.Models, test.want.Models) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestDiscoverFails(t *testing.T) {
	router := llamacpp()
	router.answers["GET /v1/models"] = `{"object":"list","data":[{"id":"small","status":{"value":"loading"}}]}`
	early := llamacpp()
	early.answers["GET /props"] = loading
	locked := vllm()
	locked.answers["GET /v1/models"] = `Unauthorized: {"error":"no"}`
	dead := vllm()
	dead.answers["GET /v1/models"] = `Internal Server Error: no`
	page := vllm()
	page.answers["GET /v1/models"] = `<html>`
	for _, test := range []struct {
		name, model string
		server      *scripted
		is          error
		class       fault.Class
		blame       models.Culprit
	}{
		{"not listed", "llama", vllm(), models.ErrNoModel, fault.NeedsHuman, models.BlameNobody},
		{"a router loads it", "small", router, models.ErrLoading, fault.Retryable, models.BlameNobody},
		{"listed before it is loaded", "small", early, models.ErrLoading, fault.Retryable, models.BlameNobody},
		{"bad key", "qwen", locked, nil, fault.NeedsHuman, models.BlameNobody},
		{"dead", "qwen", dead, nil, fault.Retryable, models.BlameWorker},
		{"another program", "qwen", page, models.ErrNoModelList, fault.Retryable, models.BlameWorker},
	} {
		_, err := test.server.start(t, openaichat.Options{}).Discover(t.Context(), test.model)
		if err == nil || test.is != nil && !errors.Is(err, test.is) || fault.ClassOf(err) != test.class || models.Blame(err) != test.blame {
			t.Errorf("%s: class %v, to blame %v: %v", test.name, fault.ClassOf(err), models.Blame(err), err)
		}
	}
}

func TestProbeByKind(t *testing.T) {
	for _, test := range []struct {
		name   string
		server *scripted
		first  []string
		then   string
	}{
		{"vLLM", vllm(), []string{"GET /v1/models", "GET /health"}, "GET /health"},
		{"SGLang", sglang(), []string{"GET /v1/models"}, "GET /v1/models"},
		{"llama.cpp", llamacpp(), []string{"GET /v1/models", "GET /health"}, "GET /health"},
		{"Ollama", ollama(), []string{"GET /v1/models", "GET /"}, "GET /"},
		{"no list", &scripted{}, []string{"GET /v1/models"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := test.server.start(t, openaichat.Options{})
			if err := c.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
			if asked := test.server.calls(); !slices.Equal(asked, test.first) {
				t.Errorf("asked %q, want %q", asked, test.first)
			}
			if test.then == "" {
				return
			}
			if err := c.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
			if asked := test.server.calls(); !slices.Equal(asked, []string{test.then}) {
				t.Errorf("then asked %q, want %q", asked, test.then)
			}
			test.server.set(test.then, "Service Unavailable: engine dead")
			if err := c.Probe(t.Context()); fault.ClassOf(err) != fault.Retryable || errors.Is(err, models.ErrLoading) {
				t.Errorf("a dead one: %v", err)
			}
			test.server.set(test.then, loading)
			if err := c.Probe(t.Context()); !errors.Is(err, models.ErrLoading) || models.Blame(err) != models.BlameNobody || fault.Wait(err) != 2*time.Second {
				t.Errorf("one that loads: %v", err)
			}
		})
	}
	behind := func(s *scripted, root, answer string) *scripted {
		s.answers[root] = answer
		return s
	}
	for name, s := range map[string]*scripted{
		"Ollama behind another page": behind(ollama(), "GET /", "<html>router</html>"),
		"Ollama, root closed":        behind(ollama(), "GET /", "Unauthorized: no"),
		"vLLM without /health":       behind(vllm(), "GET /health", "Not Found: no"),
	} {
		c := s.start(t, openaichat.Options{})
		if err := c.Probe(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.set("GET /v1/models", "Internal Server Error: no")
		if err := c.Probe(t.Context()); fault.ClassOf(err) != fault.Retryable {
			t.Errorf("%s, dead: %v", name, err)
		}
	}
	locked := vllm()
	locked.answers["GET /v1/models"] = "Unauthorized: no"
	if err := locked.start(t, openaichat.Options{Kind: models.KindVLLM}).Probe(t.Context()); fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("a bad key: %v", err)
	}
}

// TestWrongModel: the answer's name is compared once the server has listed its own.
func TestWrongModel(t *testing.T) {
	proxy := func() *scripted {
		return &scripted{answers: map[string]string{"GET /v1/models": `{"object":"list","data":[{"id":"gpt-4-turbo-preview"},{"id":"gpt-4-0125-preview"}]}`}}
	}
	for _, test := range []struct {
		name        string
		server      *scripted
		asked, said string
		wrong       bool
	}{
		{"the same", vllm(), "qwen", "qwen", false},
		{"none", vllm(), "qwen", "", false},
		{"another name of it", vllm(), "qwen-7b", "qwen", false},
		{"its path", vllm(), "qwen", "/models/Qwen2.5-7B/", false},
		{"another one", vllm(), "qwen", "llama", true},
		{"the model below the adapter", vllm(), "sql-lora", "qwen", true},
		{"an adapter", vllm(), "qwen", "sql-lora", true},
		{"not listed", vllm(), "nope", "qwen", false},
		{"file and alias", llamacpp(), "small", "tiny.gguf", false},
		{"tag left out", ollama(), "tiny:latest", "tiny", false},
		{"another tag", ollama(), "tiny", "tiny:8b", true},
		{"what an alias stands for", proxy(), "gpt-4-turbo-preview", "gpt-4-0125-preview", false},
		{"a proxy's own name", proxy(), "gpt-4-turbo-preview", "azure/deployment-7", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.server.answers["POST /v1/chat/completions"] = strings.ReplaceAll(stream("stop", `{"content":"hello"}`), `"tiny"`, `"`+test.said+`"`)
			c := test.server.start(t, openaichat.Options{})
			r := models.Request{Model: test.asked, Messages: modeltest.Ask("hi").Messages}
			if res := modeltest.Collect(t, t.Context(), c, r); res.Err != nil {
				t.Errorf("before the list is known: %v", res.Err)
			}
			if _, err := c.Models(t.Context()); err != nil {
				t.Fatal(err)
			}
			res := modeltest.Collect(t, t.Context(), c, r)
			if wrong := errors.Is(res.Err, models.ErrWrongModel); wrong != test.wrong || (res.Err == nil) == test.wrong {
				t.Errorf("%v", res.Err)
			}
			if test.wrong && (fault.ClassOf(res.Err) != fault.Retryable || models.Blame(res.Err) != models.BlameWorker || res.Text != "") {
				t.Errorf("said %q, class %v, to blame %v", res.Text, fault.ClassOf(res.Err), models.Blame(res.Err))
			}
		})
	}
}
