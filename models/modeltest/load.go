package modeltest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/parley-hub/parley/models"
)

// residence is whether the model is in memory.
type residence struct {
	// until is when the model leaves the memory again, loaded when it is there.
	until, loaded time.Time
	asleep        bool
}

// Residence is how a worker came to have its model in memory.
type Residence struct {
	// Loads counts how often it was loaded, for whatever reason, Kept how often it was
	// asked to keep it, Wakes how often it was woken.
	Loads, Kept, Wakes int
	// KeepAlive is what it was last asked to keep it for, as it was spelled.
	KeepAlive string
}

// Residence tells how the worker came to have its model.
func (w *Worker) Residence() Residence {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.resided
}

// routesOfLoading adds what kinds have to load a model or to wake it.
func (w *Worker) routesOfLoading() {
	switch {
	case w.o.Kind == models.KindLlamaCPP && w.o.Router:
		w.mux.HandleFunc("POST /models/load", w.loadNow)
	case w.o.Kind == models.KindOllama:
		w.mux.HandleFunc("POST /api/generate", w.generate)
	case w.o.Kind == models.KindVLLM && w.o.Asleep:
		w.mux.HandleFunc("GET /is_sleeping", func(rw http.ResponseWriter, _ *http.Request) {
			w.mu.Lock()
			asleep := w.home.asleep
			w.mu.Unlock()
			writeJSON(rw, http.StatusOK, fmt.Sprintf(`{"is_sleeping":%t}`, asleep))
		})
		w.mux.HandleFunc("POST /wake_up", func(http.ResponseWriter, *http.Request) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.home.asleep = false
			w.resided.Wakes++
		})
	}
}

// loadNow is llama.cpp's router: it answers at once and loads beside.
func (w *Worker) loadNow(rw http.ResponseWriter, r *http.Request) {
	var asked struct {
		Model string `json:"model"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Model != w.o.Model {
		writeError(rw, http.StatusBadRequest, "invalid_request_error", "model not found")
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.home.loaded.IsZero() {
		writeError(rw, http.StatusBadRequest, "invalid_request_error", "model is already loaded")
		return
	}
	w.resided.Loads++
	w.home.loaded = time.Now().Add(w.o.Load)
	writeJSON(rw, http.StatusOK, `{"success":true}`)
}

// status is the state of a model in the router's list.
func (w *Worker) status() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.home.loaded.IsZero():
		return "unloaded"
	case time.Now().Before(w.home.loaded):
		return "loading"
	default:
		return "loaded"
	}
}

// generate is Ollama's own endpoint, of which an empty prompt only loads the model. Options
// other than those of before would load it anew, so none are taken.
func (w *Worker) generate(rw http.ResponseWriter, r *http.Request) {
	var asked struct {
		Model     string          `json:"model"`
		Prompt    string          `json:"prompt"`
		Options   json.RawMessage `json:"options"`
		KeepAlive string          `json:"keep_alive"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Model != w.o.Model || asked.Prompt != "" || len(asked.Options) > 0 {
		writeError(rw, http.StatusBadRequest, "invalid_request_error", "only a model and keep_alive are taken here")
		return
	}
	keep, err := time.ParseDuration(asked.KeepAlive)
	if asked.KeepAlive != "" && err != nil {
		writeError(rw, http.StatusBadRequest, "invalid_request_error", "keep_alive is no time")
		return
	}
	w.mu.Lock()
	w.resided.KeepAlive = asked.KeepAlive
	w.resided.Kept++
	w.mu.Unlock()
	q := &request{worker: w, rw: rw, r: r}
	if q.keeps(keep) {
		writeJSON(rw, http.StatusOK, `{"model":`+quote(w.o.Model)+`,"created_at":"2026-11-21T12:00:00Z","response":"","done":true,"done_reason":"load"}`)
	}
}

// resident has the model in memory for a request, as the kind does: Ollama loads it while
// the request waits, llama.cpp's router says that it is not there, vLLM fails asleep. It is
// false when the request is over.
func (q *request) resident() bool {
	w := q.worker
	w.mu.Lock()
	asleep := w.home.asleep
	w.mu.Unlock()
	switch {
	case asleep:
		writeError(q.rw, http.StatusInternalServerError, "InternalServerError", "EngineCore is asleep")
		return false
	case w.o.Router && w.status() != "loaded":
		writeLoading(q.rw)
		return false
	case w.o.Kind == models.KindOllama:
		return q.keeps(w.o.Keep)
	}
	return true
}

// keeps loads the model if it is not there, and has it stay this long.
func (q *request) keeps(keep time.Duration) bool {
	w := q.worker
	if w.o.Keep == 0 {
		return true
	}
	w.mu.Lock()
	gone := time.Now().After(w.home.until)
	if gone {
		w.resided.Loads++
		w.home.until = time.Now().Add(w.o.Load)
	}
	w.mu.Unlock()
	if gone && !new(pace).take(q.r.Context(), w.o.Load) {
		return false
	}
	if keep == 0 {
		keep = w.o.Keep
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.home.until = time.Now().Add(keep)
	return true
}
