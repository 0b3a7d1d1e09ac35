package simulators

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	maxControlBody = 64 << 20
	maxControlWait = time.Minute
	keptHandles    = 1000
)

// Control is a handler of actions and views under /control/: JSON in, JSON out, and a
// 400 with an "error" for what fails. It has no authentication.
type Control struct{ http.ServeMux }

// Post serves an action: POST /control/path with a JSON body. Unknown fields are refused.
func Post[In, Out any](c *Control, path string, do func(In) (Out, error)) {
	c.HandleFunc("POST /control/"+path, func(w http.ResponseWriter, r *http.Request) {
		var in In
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControlBody))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			refuse(w, err)
			return
		}
		out, err := do(in)
		if err != nil {
			refuse(w, err)
			return
		}
		answer(w, http.StatusOK, out)
	})
}

// Act serves an action without a result.
func Act[In any](c *Control, path string, do func(In) error) {
	type none struct{}
	Post(c, path, func(in In) (none, error) { return none{}, do(in) })
}

// Get serves a view: GET /control/path.
func (c *Control) Get(path string, view func(r *http.Request) any) {
	c.HandleFunc("GET /control/"+path, func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, view(r))
	})
}

// Number reads a query parameter; 0 when it is none.
func Number(r *http.Request, name string) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func refuse(w http.ResponseWriter, err error) {
	answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(JSON(v)) // a client that left needs no answer
}

// Watch serves a transcript: GET calls, and GET events?after=&timeout=, which waits so many
// seconds, a minute at most, for an event behind after.
func Watch[E, C any](c *Control, t *Transcript[E, C]) {
	c.Get("calls", func(*http.Request) any { return t.Calls() })
	c.Get("events", func(r *http.Request) any {
		after := Number(r, "after")
		limit := min(time.Duration(Number(r, "timeout"))*time.Second, maxControlWait)
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		var found []E
		// The error only says that nothing came in time, which the empty list says too.
		_ = t.Wait(ctx, func() bool { found = t.Events(after); return len(found) > 0 })
		return found
	})
}

// Faults serves a script: POST faults gives an id and no hits yet, GET faults/{id} counts
// them, POST faults/{id}/release lets go, DELETE faults/{id} removes. The newest thousand are known.
func Faults[F any](c *Control, inject func(F) *Injected[F]) {
	known := &handles[F]{byID: map[int64]*Injected[F]{}}
	type state struct {
		ID   int64 `json:"id"`
		Hits int   `json:"hits"`
	}
	Post(c, "faults", func(in F) (state, error) {
		h := inject(in)
		known.add(h)
		return state{ID: h.id}, nil
	})
	on := func(verb, path string, do func(*Injected[F])) {
		c.HandleFunc(verb+" /control/faults/{id}"+path, func(w http.ResponseWriter, r *http.Request) {
			h := known.get(r)
			if h == nil {
				refuse(w, errors.New("no such fault"))
				return
			}
			do(h)
			answer(w, http.StatusOK, state{ID: h.id, Hits: h.Hits()})
		})
	}
	on("GET", "", func(*Injected[F]) {})
	on("POST", "/release", (*Injected[F]).Release)
	on("DELETE", "", (*Injected[F]).Remove)
}

// handles keeps the faults that came over HTTP, the newest only.
type handles[F any] struct {
	mu    sync.Mutex
	byID  map[int64]*Injected[F]
	order []int64
}

func (l *handles[F]) add(h *Injected[F]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byID[h.id] = h
	if l.order = append(l.order, h.id); len(l.order) > keptHandles {
		delete(l.byID, l.order[0])
		l.order = l.order[1:]
	}
}

func (l *handles[F]) get(r *http.Request) *Injected[F] {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byID[id]
}
