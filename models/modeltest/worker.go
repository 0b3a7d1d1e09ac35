package modeltest

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/parley-hub/parley/models"
)

const maxRequest = 16 << 20

// Options is what a Worker is made from. The zero value is a fast worker that
// echoes and needs no key.
type Options struct {
	// Model is the id it serves; empty means "fake".
	Model string
	// Key is what a client must send as bearer token; empty for none.
	Key string
	// Answer makes the answer; nil means Echo.
	Answer func(messages []models.Message) string
	// FirstToken and PerToken are how long it works before the first and before each
	// further token.
	FirstToken, PerToken time.Duration
	// Chunk is the length of a token in runes; 0 means a word.
	Chunk  int
	Faults []Fault
}

// Echo answers with the last user message behind the number of user messages it
// was shown, so that a test sees what context came along: "[2] and now?".
func Echo(messages []models.Message) string {
	seen, last := 0, ""
	for _, m := range messages {
		if m.Role == models.User {
			seen, last = seen+1, m.Text
		}
	}
	return fmt.Sprintf("[%d] %s", seen, last)
}

// Counts is what happened at a worker.
type Counts struct {
	// Started counts the chat requests that were let in. Each of them ends as one of
	// Finished (answered in full), Cancelled (the client left) or Faulted.
	Started, Finished, Cancelled, Faulted int
	// Tokens were generated in all, AfterCancel of them after the client had left.
	Tokens, AfterCancel   int
	InFlight, MaxInFlight int
	// Probes counts GET /v1/models.
	Probes int
}

// Chat is a request as it came over the wire.
type Chat struct {
	Model         string
	Messages      []models.Message
	Stream        bool
	IncludeUsage  bool
	MaxTokens     int
	Temperature   *float64
	Authorization string
}

// Worker is a fake model server: an http.Handler with /v1/chat/completions,
// /v1/models and /health. It is safe for concurrent use.
type Worker struct {
	o    Options
	mux  *http.ServeMux
	base string

	mu      sync.Mutex
	faults  []Fault
	counts  Counts
	last    Chat
	loading time.Time
	changed chan struct{}
	net     *listening
}

// New makes a worker that is not listening; see Start and StartPiped.
func New(o Options) *Worker {
	if o.Model == "" {
		o.Model = "fake"
	}
	if o.Answer == nil {
		o.Answer = Echo
	}
	w := &Worker{o: o, faults: o.Faults, mux: http.NewServeMux(), changed: make(chan struct{})}
	w.mux.HandleFunc("POST /v1/chat/completions", w.chat)
	w.mux.HandleFunc("GET /v1/models", w.models)
	w.mux.HandleFunc("GET /health", func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, http.StatusOK, `{"status":"ok"}`) })
	return w
}

// ServeHTTP serves the protocol.
func (w *Worker) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.mux.ServeHTTP(rw, r) }

// Model is the id it serves.
func (w *Worker) Model() string { return w.o.Model }

// SetFaults replaces the script for the requests to come. Their numbers go on.
func (w *Worker) SetFaults(faults ...Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = faults
}

// Counts gives the counters.
func (w *Worker) Counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

// Last gives the last chat request.
func (w *Worker) Last() Chat {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// count changes the counters and wakes whoever waits for them.
func (w *Worker) count(change func(c *Counts)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.counts)
	w.counts.MaxInFlight = max(w.counts.MaxInFlight, w.counts.InFlight)
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// wait gives a channel that is closed at the next change of the counters.
func (w *Worker) wait() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.changed
}

func (w *Worker) models(rw http.ResponseWriter, r *http.Request) {
	w.count(func(c *Counts) { c.Probes++ })
	if !w.allowed(rw, r) {
		return
	}
	writeJSON(rw, http.StatusOK, fmt.Sprintf(`{"object":"list","data":[{"id":%s,"object":"model","created":1,"owned_by":"fake"}]}`, quote(w.o.Model)))
}

// allowed checks the key. The refusal repeats what was sent, as real servers do.
func (w *Worker) allowed(rw http.ResponseWriter, r *http.Request) bool {
	if w.o.Key == "" || subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+w.o.Key)) == 1 {
		return true
	}
	w.refuseKey(rw, r)
	return false
}

func (w *Worker) refuseKey(rw http.ResponseWriter, r *http.Request) {
	writeError(rw, http.StatusUnauthorized, "invalid_api_key", "Incorrect API key provided: "+r.Header.Get("Authorization"))
}

// begin lets a request in and gives it its script.
func (w *Worker) begin(h http.Header) script {
	w.count(func(c *Counts) { c.Started++; c.InFlight++ })
	w.mu.Lock()
	defer w.mu.Unlock()
	return scriptFor(w.faults, w.counts.Started, h)
}

func (w *Worker) chat(rw http.ResponseWriter, r *http.Request) {
	if !w.allowed(rw, r) {
		return
	}
	s := w.begin(r.Header)
	finished := false
	defer func() {
		gone := r.Context().Err() != nil
		w.count(func(c *Counts) {
			c.InFlight--
			switch {
			case finished:
				c.Finished++
			case gone:
				c.Cancelled++
			default:
				c.Faulted++
			}
		})
	}()
	// Reading the body to its end also lets the server notice when the client leaves.
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return
	}
	chat, err := parseChat(body)
	if err != nil {
		code := http.StatusBadRequest
		if s.has(MalformedIs500) {
			code = http.StatusInternalServerError
		}
		writeError(rw, code, "invalid_request_error", err.Error())
		return
	}
	chat.Authorization = r.Header.Get("Authorization")
	w.mu.Lock()
	w.last = chat
	w.mu.Unlock()
	if w.refuse(rw, r, s) {
		return
	}
	a := newAnswer(w, rw, r, s, chat)
	finished = a.send()
}

func parseChat(body []byte) (Chat, error) {
	var wire struct {
		Model    string `json:"model"`
		Messages []struct {
			Role    models.Role     `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		Stream        bool `json:"stream"`
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
		MaxTokens   int      `json:"max_tokens"`
		Temperature *float64 `json:"temperature"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return Chat{}, err
	}
	if len(wire.Messages) == 0 {
		return Chat{}, fmt.Errorf("'messages' is required")
	}
	chat := Chat{
		Model: wire.Model, Stream: wire.Stream, IncludeUsage: wire.StreamOptions.IncludeUsage,
		MaxTokens: wire.MaxTokens, Temperature: wire.Temperature,
	}
	for _, m := range wire.Messages {
		message, err := parseContent(m.Content)
		if err != nil {
			return Chat{}, err
		}
		message.Role = m.Role
		chat.Messages = append(chat.Messages, message)
	}
	return chat, nil
}

// parseContent reads a message's words: a string, or a list of texts and of images as
// data URLs.
func parseContent(raw json.RawMessage) (m models.Message, err error) {
	if err := json.Unmarshal(raw, &m.Text); err == nil {
		return m, nil
	}
	var parts []struct {
		Type     string `json:"type"`
		Text     string `json:"text"`
		ImageURL struct {
			URL string `json:"url"`
		} `json:"image_url"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return m, fmt.Errorf("'content' is neither a string nor a list of parts: %w", err)
	}
	for _, p := range parts {
		head, body, ok := strings.Cut(p.ImageURL.URL, ";base64,")
		mime, isData := strings.CutPrefix(head, "data:")
		switch {
		case p.Type == "text":
			m.Text += p.Text
		case p.Type == "image_url" && ok && isData:
			data, err := base64.StdEncoding.DecodeString(body)
			if err != nil {
				return m, fmt.Errorf("an image is no base64: %w", err)
			}
			m.Images = append(m.Images, models.Image{MIME: mime, Data: data})
		default:
			return m, fmt.Errorf("a part of type %q is not read here", p.Type)
		}
	}
	return m, nil
}
