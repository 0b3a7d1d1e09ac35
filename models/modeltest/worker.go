package modeltest

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/parley-hub/parley/models"
)

const maxRequest = 16 << 20

// Options is what a Worker is made from. The zero value is a fast worker that
// echoes, needs no key, works on everything at once and caches nothing.
type Options struct {
	// Model is the id it serves; empty means "fake".
	Model string
	// Kind is the server whose spelling /health, /metrics, /v1/models and the refusals
	// have; empty means an unnamed one, which has no /metrics.
	Kind models.Kind
	// Key is what a client must send as bearer token; empty for none.
	Key string
	// Answer makes the answer; nil means Echo.
	Answer func(messages []models.Message) string
	// Continue makes what follows where the last message is the assistant's, who has
	// begun the answer; nil means the rest of Answer.
	Continue func(messages []models.Message) string
	// Call makes the tools that an answer asks for, and what is said before them; no calls for
	// an answer of words. It is asked where tools are offered that may be called; nil for
	// none.
	Call func(Chat) (text string, calls []models.ToolCall)
	// Slots is how many requests it works on at a time; those that find none wait in
	// line, first come first served. 0 for no bound.
	Slots int
	// Queue is how many may wait; one more is refused with 503 "server busy". 0 for no
	// bound, as in most real servers.
	Queue int
	// Prefill is how long it works on each token of a prompt that it has not cached.
	Prefill time.Duration
	// FirstToken and PerToken are how long it works before the first and before each
	// further token, beside Prefill.
	FirstToken, PerToken time.Duration
	// Speed is how many times faster than these three it is; 0 means 1. See SetSpeed.
	Speed float64
	// Cache is how many tokens of prompts and answers its prefix cache holds; 0 for no
	// cache, and then no word of one in the usage.
	Cache int
	// Context is how many tokens a prompt may have; 0 for no bound.
	Context int
	// Loading is how long after its start, and after each Return, it answers everything
	// with 503 "Loading model".
	Loading time.Duration
	// Load is how long it takes to load the model into memory. Keep is how long Ollama keeps
	// it there behind the last request, where that did not say; 0 for always. Router is
	// llama.cpp's mode in which a model must be loaded by request; Asleep has vLLM begin
	// asleep.
	Load, Keep     time.Duration
	Router, Asleep bool
	// Chunk is the length of a token in runes; 0 means a word.
	Chunk int
	// PerChunk is how many tokens come in one event behind the first token, as busy
	// servers send them; 0 means 1.
	PerChunk int
	Faults   []Fault
	// Seed draws the faults with a Probability: the same seed hits the same requests.
	Seed uint64
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

// Counts is what happened at a worker. All but the gauges only grow; a restart
// resets nothing.
type Counts struct {
	// Started counts the requests for an answer, vectors or a transcript that were let
	// in. Each of them ends as one of Finished (answered in full), Cancelled (the client
	// left, or the worker was killed) or Faulted.
	Started, Finished, Cancelled, Faulted int
	// Tokens were generated in all, AfterCancel of them after the client had left.
	Tokens, AfterCancel int
	// Prompt counts the tokens of the prompts it began to work on, Cached those of them
	// that its cache had.
	Prompt, Cached int
	// Reported sums up the usage that was sent with whole answers.
	Reported models.Usage
	// Embeddings counts the calls of /v1/embeddings that were let in, Texts the texts in
	// them.
	Embeddings, Texts int
	// InFlight, Running and Waiting are gauges: let in, in a slot, and in line for one.
	InFlight, MaxInFlight int
	Running, Waiting      int
	MaxWaiting            int
	// Probes counts GET /v1/models, Health and Metrics their namesakes.
	Probes, Health, Metrics int
}

// Worker is a fake model server: an http.Handler with /v1/chat/completions,
// /v1/embeddings, /v1/audio/transcriptions, /v1/models, and what else its kind has. It
// is safe for concurrent use.
type Worker struct {
	o    Options
	mux  *http.ServeMux
	base string

	mu     sync.Mutex
	faults []Fault
	counts Counts
	last   Chat
	// loading is when the first request met Fault Loading; ready is when Options.Loading
	// is over.
	loading, ready time.Time
	speed          float64
	home           residence
	resided        Residence
	line           []chan struct{}
	cache          prefixCache
	changed        chan struct{}
	net            *listening
	listen         func() (net.Listener, error)
}

// New makes a worker that is not listening; see Start and StartPiped.
func New(o Options) *Worker {
	o.Model = cmp.Or(o.Model, "fake")
	o.PerChunk = max(o.PerChunk, 1)
	if o.Answer == nil {
		o.Answer = Echo
	}
	w := &Worker{o: o, faults: o.Faults, mux: http.NewServeMux(), changed: make(chan struct{}), speed: cmp.Or(o.Speed, 1)}
	w.boot()
	w.mux.HandleFunc("POST /v1/chat/completions", w.chat)
	w.mux.HandleFunc("POST /v1/embeddings", w.embeddings)
	w.mux.HandleFunc("POST /v1/audio/transcriptions", w.transcription)
	w.mux.HandleFunc("GET /v1/models", w.models)
	w.routesOfKind()
	w.routesOfLoading()
	return w
}

// boot is what a process does when it starts: it knows no prompt and loads its model.
func (w *Worker) boot() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cache = newPrefixCache(w.o.Cache)
	w.ready, w.loading = time.Now().Add(w.o.Loading), time.Time{}
	w.home = residence{asleep: w.o.Asleep}
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

// admits tells whether a request may begin.
func (w *Worker) admits(rw http.ResponseWriter, r *http.Request) bool {
	return !w.loads(rw) && w.allowed(rw, r)
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

// request is one call on its way through the worker.
type request struct {
	worker   *Worker
	rw       http.ResponseWriter
	r        *http.Request
	script   script
	finished bool
	// inSlot tells whether it holds a slot.
	inSlot bool
}

// begin lets a request in and gives it its script.
func (w *Worker) begin(rw http.ResponseWriter, r *http.Request, kind func(c *Counts)) *request {
	number := 0
	w.count(func(c *Counts) {
		c.Started++
		c.InFlight++
		number = c.Started
		kind(c)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	return &request{worker: w, rw: rw, r: r, script: scriptFor(w.faults, w.o.Seed, number, r.Header)}
}

// read takes the body to its end, which also lets the server notice when the client
// leaves.
func read(r *http.Request) ([]byte, error) { return io.ReadAll(io.LimitReader(r.Body, maxRequest)) }

func (q *request) end() {
	q.leaveSlot()
	gone := q.r.Context().Err() != nil
	q.worker.count(func(c *Counts) {
		c.InFlight--
		switch {
		case q.finished:
			c.Finished++
		case gone:
			c.Cancelled++
		default:
			c.Faulted++
		}
	})
}

func (w *Worker) chat(rw http.ResponseWriter, r *http.Request) {
	if !w.admits(rw, r) {
		return
	}
	q := w.begin(rw, r, func(*Counts) {})
	defer q.end()
	body, err := read(r)
	if err != nil {
		return
	}
	chat, err := parseChat(body)
	if err != nil {
		q.malformed(err)
		return
	}
	chat.Authorization = r.Header.Get("Authorization")
	w.mu.Lock()
	w.last = chat
	w.mu.Unlock()
	a := newAnswer(q, chat)
	if q.refuse() || q.overflows(a.prompt.tokens) || !q.enterSlot() || !q.resident() {
		return
	}
	q.finished = a.send()
}

func (q *request) malformed(err error) {
	code := http.StatusBadRequest
	if q.script.has(MalformedIs500) {
		code = http.StatusInternalServerError
	}
	writeError(q.rw, code, "invalid_request_error", err.Error())
}
