package openaichat_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/openaichat"
)

func packed(v ...float32) string {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}

func TestEmbed(t *testing.T) {
	for _, test := range []struct{ name, data string }{
		{"numbers", `{"index":0,"embedding":[1,0.5]},{"index":1,"embedding":[-1,2e-3]}`},
		{"out of order", `{"index":1,"embedding":[-1,2e-3]},{"index":0,"embedding":[1,0.5]}`},
		{"no index", `{"embedding":[1,0.5]},{"embedding":[-1,2e-3]}`},
		{"base64", `{"index":0,"embedding":"` + packed(1, 0.5) + `"},{"index":1,"embedding":"` + packed(-1, 2e-3) + `"}`},
		{"mixed", `{"index":0,"embedding":"` + packed(1, 0.5) + `"},{"index":1,"embedding":[-1,2e-3]}`},
	} {
		c := cannedText(`{"object":"list","data":[` + test.data + `],"model":"bge","usage":{"prompt_tokens":7,"total_tokens":7}}`)
		got, err := c.client(t).Embed(t.Context(), models.EmbedRequest{Model: "bge", Texts: []string{"a", "b"}})
		want := models.Embeddings{Vectors: [][]float32{{1, 0.5}, {-1, 2e-3}}, Usage: models.Usage{Prompt: 7}, Model: "bge", Worker: "w1"}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}

func TestGoldenEmbedRequest(t *testing.T) {
	c := cannedText(`{"data":[{"embedding":[1,2]}]}`)
	client := newClient(t, openaichat.Options{Base: "http://worker.test", HTTP: c.http(), Kind: models.KindVLLM})
	if _, err := client.Embed(t.Context(), models.EmbedRequest{Model: "bge", Texts: []string{"<hällo>"}, Dimensions: 2}); err != nil {
		t.Fatal(err)
	}
	golden(t, "request.embed.json", sent(t, c))
}

func TestBadVectors(t *testing.T) {
	for name, data := range map[string]string{
		"one missing":       `{"index":0,"embedding":[1,2]}`,
		"one twice":         `{"index":0,"embedding":[1,2]},{"index":0,"embedding":[1,2]}`,
		"index too large":   `{"index":0,"embedding":[1,2]},{"index":2,"embedding":[1,2]}`,
		"negative index":    `{"index":0,"embedding":[1,2]},{"index":-1,"embedding":[1,2]}`,
		"different lengths": `{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1]}`,
		"other dimensions":  `{"index":0,"embedding":[1]},{"index":1,"embedding":[1]}`,
		"empty":             `{"index":0,"embedding":[]},{"index":1,"embedding":[]}`,
		"none":              `{"index":0},{"index":1,"embedding":null}`,
		"a list of lists":   `{"index":0,"embedding":[[1,2]]},{"index":1,"embedding":[[1,2]]}`,
		"no base64":         `{"index":0,"embedding":"!!"},{"index":1,"embedding":"!!"}`,
		"half a number":     `{"index":0,"embedding":"AAA="},{"index":1,"embedding":"AAA="}`,
		"not a number":      `{"index":0,"embedding":"` + packed(1, float32(math.NaN())) + `"},{"index":1,"embedding":[1,2]}`,
		"infinite":          `{"index":0,"embedding":"` + packed(1, float32(math.Inf(1))) + `"},{"index":1,"embedding":[1,2]}`,
		"too large":         `{"index":0,"embedding":[1e300,2]},{"index":1,"embedding":[1,2]}`,
	} {
		c := cannedText(`{"object":"list","data":[` + data + `]}`)
		_, err := c.client(t).Embed(t.Context(), models.EmbedRequest{Texts: []string{"a", "b"}, Dimensions: 2})
		if fault.ClassOf(err) != fault.Retryable || models.Blame(err) != models.BlameWorker {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, test := range map[string]struct {
		body  string
		class fault.Class
	}{
		"page":  {"<html>", fault.Retryable},
		"error": {`{"error":{"message":"too long","code":400}}`, fault.Permanent},
		"cut":   {`{"data":[{"index":0,"embedding":[1,`, fault.Retryable},
	} {
		_, err := cannedText(test.body).client(t).Embed(t.Context(), models.EmbedRequest{Texts: []string{"a"}})
		if fault.ClassOf(err) != test.class {
			t.Errorf("%s: %v", name, err)
		}
	}
	none := cannedText("")
	if _, err := none.client(t).Embed(t.Context(), models.EmbedRequest{}); fault.ClassOf(err) != fault.Permanent || none.calls != 0 {
		t.Errorf("no text: %d calls, %v", none.calls, err)
	}
}

func TestCapturedEmbeddings(t *testing.T) {
	// The recording of Ollama's answer is cut in the first vector: so must a cut one be seen.
	_, err := capture(t, "ollama-0.17.4.embeddings").client(t).Embed(t.Context(), models.EmbedRequest{Texts: []string{"a"}})
	if fault.ClassOf(err) != fault.Retryable || models.Blame(err) != models.BlameWorker {
		t.Errorf("cut: %v", err)
	}
	for _, name := range []string{"llamacpp-2025-02.embeddings", "llamacpp-2026-08.embeddings"} {
		_, err := capture(t, name).client(t).Embed(t.Context(), models.EmbedRequest{Texts: []string{"a"}})
		if fault.ClassOf(err) != fault.Permanent || models.Blame(err) != models.BlameRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEmbedWaitsNoLonger(t *testing.T) {
	stuck := make(chan struct{})
	s := startHandler(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stuck:
		}
	})
	defer close(stuck)
	c := newClient(t, openaichat.Options{Base: s.URL, HTTP: s.Client(), FirstContent: 20 * time.Millisecond})
	_, err := c.Embed(t.Context(), models.EmbedRequest{Texts: []string{"a"}})
	if fault.ClassOf(err) != fault.Retryable || models.Blame(err) != models.BlameWorker {
		t.Errorf("%v", err)
	}
}

// BenchmarkEmbed reads 64 vectors of 1024 numbers in both forms.
func BenchmarkEmbed(b *testing.B) {
	v := make([]float32, 1024)
	for i := range v {
		v[i] = float32(math.Sin(float64(i)))
	}
	numbers, err := json.Marshal(v)
	if err != nil {
		b.Fatal(err)
	}
	texts := make([]string, 64)
	for name, vector := range map[string]string{"numbers": string(numbers), "base64": `"` + packed(v...) + `"`} {
		data := make([]string, len(texts))
		for i := range data {
			data[i] = fmt.Sprintf(`{"object":"embedding","index":%d,"embedding":%s}`, i, vector)
		}
		c := cannedText(`{"data":[` + strings.Join(data, ",") + `]}`).client(b)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Embed(b.Context(), models.EmbedRequest{Texts: texts}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
