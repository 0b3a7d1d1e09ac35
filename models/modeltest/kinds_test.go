package modeltest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

func get(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestKinds(t *testing.T) {
	for _, test := range []struct {
		kind             models.Kind
		health, list     string
		metrics, tooLong []string
	}{
		{"", `{"status":"ok"}`, `"owned_by":"fake"`, nil, []string{"context_length_exceeded"}},
		{models.KindVLLM, ``, `"max_model_len":100`, []string{
			`vllm:num_requests_running{model_name="fake"} 0`, `vllm:num_requests_waiting`, `vllm:kv_cache_usage_perc`, `vllm:cache_config_info{block_size="16"`,
		}, []string{"maximum context length is 100"}},
		{models.KindSGLang, ``, `"max_model_len":100`, []string{`sglang:num_running_reqs`, `sglang:num_queue_reqs`, `sglang:token_usage`}, nil},
		{models.KindLlamaCPP, `{"status":"ok"}`, `"n_ctx":100`, []string{"llamacpp:requests_processing 0\n", "llamacpp:requests_deferred 0\n"}, []string{
			"exceed_context_size_error", `"n_ctx":100`,
		}},
		{models.KindOllama, "404 page not found\n", `"owned_by":"library"`, nil, nil},
	} {
		t.Run(string(test.kind), func(t *testing.T) {
			w, client := modeltest.StartPiped(t, modeltest.Options{Kind: test.kind, Context: 100, Slots: 4, Cache: 1000})
			root := strings.TrimSuffix(w.Base(), "/v1")
			if _, body := get(t, client, root+"/health"); body != test.health {
				t.Errorf("health: %q", body)
			}
			if _, body := get(t, client, w.Base()+"/models"); !strings.Contains(body, test.list) {
				t.Errorf("models: %s", body)
			}
			status, body := get(t, client, root+"/metrics")
			if (status == 404) != (test.metrics == nil) {
				t.Errorf("metrics: %d", status)
			}
			for _, want := range test.metrics {
				if !strings.Contains(body, want) {
					t.Errorf("metrics without %s:\n%s", want, body)
				}
			}
			_, body, _ = post(t, client, w.Base()+"/chat/completions", strings.Replace(question, "one two", strings.Repeat("word ", 100), 1), http.Header{})
			for _, want := range test.tooLong {
				if !strings.Contains(body, want) {
					t.Errorf("too long: %s", body)
				}
			}
		})
	}
}

func TestLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, client := modeltest.StartPiped(t, modeltest.Options{Kind: models.KindLlamaCPP, Loading: time.Minute})
		all := func() (found []int) {
			t.Helper()
			for _, path := range []string{"/health", "/metrics", "/v1/models"} {
				status, _ := get(t, client, strings.TrimSuffix(w.Base(), "/v1")+path)
				found = append(found, status)
			}
			status, _, _ := post(t, client, w.Base()+"/chat/completions", question, http.Header{})
			return append(found, status)
		}
		for range 2 {
			if got := all(); !slices.Equal(got, []int{503, 503, 503, 503}) {
				t.Errorf("loading: %v", got)
			}
			time.Sleep(time.Minute)
			if got := all(); !slices.Equal(got, []int{200, 200, 200, 200}) {
				t.Errorf("loaded: %v", got)
			}
			w.Refuse()
			synctest.Wait() // the client's connection is gone
			w.Return(t)
		}
		time.Sleep(time.Minute)
		w.SetFaults(modeltest.Fault{Kind: modeltest.Unavailable, Probes: true}, modeltest.Fault{Kind: modeltest.ServerError})
		if got := all(); !slices.Equal(got, []int{503, 503, 503, 503}) {
			t.Errorf("faults of probes: %v", got)
		}
	})
}

// TestSGLangHealth is late when the worker is busy: its probe stands in line.
func TestSGLangHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, client := modeltest.StartPiped(t, modeltest.Options{Kind: models.KindSGLang, Slots: 1, FirstToken: 10 * time.Second})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _, _ = post(t, client, w.Base()+"/chat/completions", question, http.Header{})
		}()
		synctest.Wait()
		began := time.Now()
		if status, _ := get(t, client, strings.TrimSuffix(w.Base(), "/v1")+"/health"); status != 200 || time.Since(began) != 20*time.Second {
			t.Errorf("%d after %v", status, time.Since(began))
		}
		<-done
		if c := w.Counts(); c.Running != 0 || c.Waiting != 0 || c.Health != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func TestFaultsFromASeed(t *testing.T) {
	drawn := func(seed uint64) (hit string) {
		w, client := modeltest.StartPiped(t, modeltest.Options{Seed: seed, Faults: []modeltest.Fault{{Kind: modeltest.ServerError, Probability: 0.3}}})
		for range 200 {
			status, _, _ := post(t, client, w.Base()+"/chat/completions", question, http.Header{})
			hit += fmt.Sprint(status/100, " ")
		}
		return hit
	}
	first := drawn(7)
	if n := strings.Count(first, "5"); n < 40 || n > 80 {
		t.Errorf("%d of 200 at a probability of 0.3", n)
	}
	if drawn(7) != first || drawn(8) == first {
		t.Error("the faults do not follow the seed")
	}
}

func TestEmbeddings(t *testing.T) {
	w, client := modeltest.StartPiped(t, modeltest.Options{Context: 10})
	embed := func(body string) (int, []json.RawMessage) {
		t.Helper()
		status, answer, err := post(t, client, w.Base()+"/embeddings", body, http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		var read struct {
			Data []struct {
				Embedding json.RawMessage `json:"embedding"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(answer), &read); err != nil {
			t.Fatal(err)
		}
		var all []json.RawMessage
		for _, d := range read.Data {
			all = append(all, d.Embedding)
		}
		return status, all
	}
	_, vectors := embed(`{"input":["a","b","a"]}`)
	var v []float32
	if err := json.Unmarshal(vectors[0], &v); err != nil || !slices.Equal(v, modeltest.Vector("a")) || string(vectors[0]) != string(vectors[2]) || string(vectors[0]) == string(vectors[1]) {
		t.Errorf("%s", vectors)
	}
	_, vectors = embed(`{"input":"a","encoding_format":"base64"}`)
	var coded string
	if err := json.Unmarshal(vectors[0], &coded); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(coded)
	if err != nil || len(raw) != 32 || math.Float32frombits(binary.LittleEndian.Uint32(raw)) != v[0] {
		t.Errorf("%x %v", raw, err)
	}
	if status, _ := embed(`{"input":["a","` + strings.Repeat("long ", 20) + `"]}`); status != 400 {
		t.Errorf("one text too long: %d", status)
	}
	if status, _ := embed("{}"); status != 400 {
		t.Errorf("no texts: %d", status)
	}
	if c := w.Counts(); c.Embeddings != 3 || c.Texts != 6 || c.Started != 3 || c.Finished != 2 || c.Faulted != 1 || c.Tokens != 0 {
		t.Errorf("%+v", c)
	}
}

func TestTranscription(t *testing.T) {
	w, client := modeltest.StartPiped(t, modeltest.Options{})
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", "note.ogg")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write([]byte("twelve bytes"))
	_ = form.WriteField("model", "fake")
	_ = form.Close()
	_, answer, err := post(t, client, w.Base()+"/audio/transcriptions", body.String(), http.Header{"Content-Type": {form.FormDataContentType()}})
	if err != nil || answer != `{"text":"12 bytes of note.ogg"}` {
		t.Errorf("%s %v", answer, err)
	}
	if status, _, _ := post(t, client, w.Base()+"/audio/transcriptions", "{}", http.Header{}); status != 400 {
		t.Errorf("no form: %d", status)
	}
}

func TestContinue(t *testing.T) {
	w, client := modeltest.StartPiped(t, modeltest.Options{})
	for said, want := range map[string]string{
		"[1] one": ` two three`, "": "[1] one two three", "something else": "[1] one two three",
	} {
		body := fmt.Sprintf(`{"messages":[{"role":"user","content":"one two three"},{"role":"assistant","content":%q}]}`, said)
		_, answer, err := post(t, client, w.Base()+"/chat/completions", body, http.Header{})
		if err != nil || !strings.Contains(answer, fmt.Sprintf(`"content":%q`, want)) {
			t.Errorf("behind %q: %s %v", said, answer, err)
		}
	}
	own, client := modeltest.StartPiped(t, modeltest.Options{Continue: func(messages []models.Message) string {
		return " behind " + messages[len(messages)-1].Text
	}})
	body := `{"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two"}]}`
	_, answer, err := post(t, client, own.Base()+"/chat/completions", body, http.Header{})
	if err != nil || !strings.Contains(answer, `"content":" behind two"`) {
		t.Errorf("a rule of its own: %s %v", answer, err)
	}
}
