package slack

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

const (
	maxControlBody = 64 << 20
	maxControlWait = time.Minute
)

// controlHandler mirrors the Go API as JSON over HTTP, for tests that run this server in
// another process. The routes are listed in the package documentation.
func (s *Server) controlHandler() http.Handler {
	mux := http.NewServeMux()
	s.controlPeople(mux)
	s.controlTalk(mux)
	s.controlFaults(mux)
	s.controlViews(mux)
	return mux
}

type none struct{}

// post serves an action: a JSON body in, a JSON result out.
func post[In, Out any](mux *http.ServeMux, path string, do func(In) (Out, error)) {
	mux.HandleFunc("POST /control/"+path, func(w http.ResponseWriter, r *http.Request) {
		var in In
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControlBody))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			controlError(w, err)
			return
		}
		out, err := do(in)
		if err != nil {
			controlError(w, err)
			return
		}
		controlJSON(w, http.StatusOK, out)
	})
}

// act serves an action without a result.
func act[In any](mux *http.ServeMux, path string, do func(In) error) {
	post(mux, path, func(in In) (none, error) { return none{}, do(in) })
}

func controlError(w http.ResponseWriter, err error) {
	controlJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

func controlJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(jsonOf(v)) // a client that left needs no answer
}

func (s *Server) controlPeople(mux *http.ServeMux) {
	act(mux, "users", func(in User) error {
		if in.ID == "" {
			return errors.New("a user needs an id")
		}
		s.AddUser(in.ID, in.Name)
		return nil
	})
	act(mux, "channels", func(in struct {
		ID      string   `json:"id"`
		Name    string   `json:"name"`
		Members []string `json:"members"`
	}) error {
		if in.ID == "" {
			return errors.New("a channel needs an id")
		}
		s.AddChannel(in.ID, in.Name, in.Members...)
		return nil
	})
	post(mux, "dm", func(in struct {
		User string `json:"user"`
	}) (map[string]string, error) {
		id, err := s.OpenDM(in.User)
		return map[string]string{"channel": id}, err
	})
}

func (s *Server) controlTalk(mux *http.ServeMux) {
	post(mux, "speak", s.Speak)
	type touch struct {
		Channel  string `json:"channel"`
		TS       string `json:"ts"`
		User     string `json:"user"`
		Text     string `json:"text"`
		Name     string `json:"name"`
		Removed  bool   `json:"removed"`
		ActionID string `json:"action_id"`
		Command  string `json:"command"`
	}
	act(mux, "edit", func(in touch) error { return s.EditSaid(in.Channel, in.TS, in.Text) })
	act(mux, "delete", func(in touch) error { return s.Delete(in.Channel, in.TS) })
	act(mux, "react", func(in touch) error { return s.React(in.Channel, in.TS, in.User, in.Name, in.Removed) })
	act(mux, "press", func(in touch) error { return s.Press(in.Channel, in.TS, in.User, in.ActionID) })
	act(mux, "slash", func(in touch) error { return s.Slash(in.Channel, in.User, in.Command, in.Text) })
}

func (s *Server) controlFaults(mux *http.ServeMux) {
	act(mux, "faults", func(in Fault) error { s.Inject(in); return nil })
	act(mux, "request_url", func(in struct {
		URL string `json:"url"`
	}) error {
		s.SetRequestURL(in.URL)
		return nil
	})
	act(mux, "disconnect", func(in struct {
		Reason string `json:"reason"`
	}) error {
		s.Disconnect(in.Reason)
		return nil
	})
	act(mux, "storm", func(in struct {
		Count int `json:"count"`
	}) error {
		s.Storm(in.Count)
		return nil
	})
}

func (s *Server) controlViews(mux *http.ServeMux) {
	get := func(path string, view func(r *http.Request) any) {
		mux.HandleFunc("GET /control/"+path, func(w http.ResponseWriter, r *http.Request) {
			controlJSON(w, http.StatusOK, view(r))
		})
	}
	num := func(r *http.Request, name string) int64 {
		n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	get("shown", func(r *http.Request) any { return s.Shown(r.URL.Query().Get("channel")) })
	get("calls", func(*http.Request) any { return s.Calls() })
	get("stats", func(*http.Request) any { return s.Stats() })
	get("events", func(r *http.Request) any {
		after := num(r, "after")
		limit := min(time.Duration(num(r, "timeout"))*time.Second, maxControlWait)
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		var found []Event
		// The error only says that nothing came in time, which the empty list says too.
		_ = s.Wait(ctx, func() bool { found = s.Events(after); return len(found) > 0 })
		return append([]Event{}, found...)
	})
}
