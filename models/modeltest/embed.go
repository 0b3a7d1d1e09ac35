package modeltest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
)

// dimensions is the length of a vector when the request names none.
const dimensions = 8

// embeddings gives each text a vector of its own: the same text the same one, of
// length 1, or what Options.Vector makes of it. A text longer than Options.Context makes the whole request a 400.
func (w *Worker) embeddings(rw http.ResponseWriter, r *http.Request) {
	if !w.admits(rw, r) {
		return
	}
	body, err := read(r)
	if err != nil {
		return
	}
	texts, wire, err := parseEmbedding(body)
	if err != nil {
		// Not let in: clients ask for the vectors of nothing to see whether a server has
		// the endpoint.
		writeError(rw, http.StatusBadRequest, "invalid_request_error", err.Error())
		return
	}
	q := w.begin(rw, r, func(c *Counts) { c.Embeddings++; c.Texts += len(texts) })
	defer q.end()
	if q.refuse() {
		return
	}
	tokens := 0
	for _, text := range texts {
		n := core.EstimateTokens(text)
		if q.overflows(n) {
			return
		}
		tokens += n
	}
	if !q.enterSlot() || !q.work(tokens) {
		return
	}
	data := make([]string, len(texts))
	for i, text := range texts {
		v := vector(text, wire.Dimensions)
		if w.o.Vector != nil {
			v = w.o.Vector(text)
		}
		data[i] = fmt.Sprintf(`{"object":"embedding","index":%d,"embedding":%s}`, i, spell(v, wire.Format))
	}
	w.count(func(c *Counts) { c.Reported.Prompt += tokens })
	writeJSON(rw, http.StatusOK, fmt.Sprintf(`{"object":"list","data":[%s],"model":%s,"usage":{"prompt_tokens":%d,"total_tokens":%d}}`,
		strings.Join(data, ","), quote(w.o.Model), tokens, tokens))
	q.finished = r.Context().Err() == nil
}

// work takes the time of reading so many tokens without a word of an answer.
func (q *request) work(tokens int) bool {
	w := q.worker
	w.count(func(c *Counts) { c.Prompt += tokens })
	wait := w.stretch(w.o.FirstToken + w.o.Prefill*time.Duration(tokens))
	if f, ok := q.script.get(SlowFirst); ok {
		wait += f.Wait
	}
	return new(pace).take(q.r.Context(), wait)
}

type embedding struct {
	Input      json.RawMessage `json:"input"`
	Format     string          `json:"encoding_format"`
	Dimensions int             `json:"dimensions"`
}

func parseEmbedding(body []byte) (texts []string, wire embedding, err error) {
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, wire, err
	}
	var one string
	if json.Unmarshal(wire.Input, &one) == nil {
		return []string{one}, wire, nil
	}
	if err := json.Unmarshal(wire.Input, &texts); err != nil || len(texts) == 0 {
		return nil, wire, errors.New(`"input" must be a string or a list of strings`)
	}
	return texts, wire, nil
}

// Vector is what a worker gives a text when no dimensions are asked for.
func Vector(text string) []float32 { return vector(text, 0) }

func vector(text string, n int) []float32 {
	if n == 0 {
		n = dimensions
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	drawn := rand.New(rand.NewPCG(h.Sum64(), 0))
	v := make([]float32, n)
	sum := 0.0
	for i := range v {
		x := drawn.NormFloat64()
		v[i] = float32(x)
		sum += x * x
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// spell writes a vector as numbers, or as the base64 of its bytes, little end first.
func spell(v []float32, format string) string {
	if format == "base64" {
		b := make([]byte, 0, 4*len(v))
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		return quote(base64.StdEncoding.EncodeToString(b))
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // finite numbers always marshal
	}
	return string(b)
}

// transcription hears the length and the name of a recording: "12 bytes of
// note.ogg".
func (w *Worker) transcription(rw http.ResponseWriter, r *http.Request) {
	if !w.admits(rw, r) {
		return
	}
	q := w.begin(rw, r, func(*Counts) {})
	defer q.end()
	body, err := read(r)
	if err != nil {
		return
	}
	name, size, format, err := parseRecording(r.Header.Get("Content-Type"), body)
	if err != nil {
		q.malformed(err)
		return
	}
	if q.refuse() || !q.enterSlot() || !q.work(0) {
		return
	}
	text := fmt.Sprintf("%d bytes of %s", size, name)
	answer := `{"text":` + quote(text) + `}`
	if format == "verbose_json" {
		answer = `{"task":"transcribe","language":"en","duration":1.5,"text":` + quote(text) + `,"segments":[]}`
	}
	writeJSON(rw, http.StatusOK, answer)
	q.finished = r.Context().Err() == nil
}

func parseRecording(contentType string, body []byte) (name string, size int, format string, err error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", 0, "", err
	}
	form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(maxRequest)
	if err != nil {
		return "", 0, "", err
	}
	defer func() { _ = form.RemoveAll() }()
	if len(form.File["file"]) != 1 || len(form.Value["model"]) != 1 {
		return "", 0, "", fmt.Errorf("'file' and 'model' are required")
	}
	file := form.File["file"][0]
	if values := form.Value["response_format"]; len(values) > 0 {
		format = values[0]
	}
	return file.Filename, int(file.Size), format, nil
}
