package httpserver

import (
	"context"
	"encoding/json"
	"net/http"
)

func health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

// readiness is the body of /readyz and of what lies below it.
type readiness struct {
	Ready    bool      `json:"ready"`
	Problems []Problem `json:"problems"`
	// Notes are what is worth saying and no problem.
	Notes []Problem `json:"notes,omitempty"`
}

// ready answers with what is not well; nil for either lists nothing.
func (s *Server) ready(problemsOf func(context.Context) []Problem, notesOf func() []Problem) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		problems := []Problem{}
		select {
		case <-s.stopping.Done():
			problems = append(problems, Problem{Name: "hub", Text: "stopping"})
		default:
			if problemsOf != nil {
				ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
				defer cancel()
				problems = append(problems, problemsOf(ctx)...)
			}
		}
		answer := readiness{Ready: len(problems) == 0, Problems: problems}
		if notesOf != nil {
			answer.Notes = notesOf()
		}
		body, err := json.Marshal(answer)
		if err != nil {
			http.Error(w, "readiness unknown", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if len(problems) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write(append(body, '\n'))
	}
}
