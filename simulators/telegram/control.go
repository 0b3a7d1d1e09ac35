package telegram

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

// controlHandler mirrors the Go API as JSON over HTTP, for tests that run this server in another
// process. The routes are listed in the package documentation.
func (s *Server) controlHandler() http.Handler {
	mux := http.NewServeMux()
	s.controlPeople(mux)
	s.controlGroups(mux)
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
	act(mux, "bots", func(in struct {
		Token    string `json:"token"`
		ID       int64  `json:"id"`
		Username string `json:"username"`
		Name     string `json:"name"`
	}) error {
		if in.Token == "" || in.ID == 0 {
			return errors.New("a bot needs a token and an id")
		}
		s.AddBot(in.Token, in.ID, in.Username, in.Name)
		return nil
	})
	act(mux, "users", func(in User) error {
		if in.ID == 0 {
			return errors.New("a user needs an id")
		}
		s.AddUser(in)
		return nil
	})
	type botAndUser struct {
		Bot  int64 `json:"bot"`
		User int64 `json:"user"`
		On   bool  `json:"on"`
	}
	act(mux, "deactivate", func(in botAndUser) error { return s.Deactivate(in.User) })
	act(mux, "private", func(in botAndUser) error { return s.OpenPrivate(in.Bot, in.User) })
	act(mux, "block", func(in botAndUser) error { return s.Block(in.Bot, in.User, in.On) })
	act(mux, "privacy", func(in botAndUser) error { return s.SetPrivacy(in.Bot, in.On) })
}

func (s *Server) controlGroups(mux *http.ServeMux) {
	act(mux, "groups", func(in struct {
		ID         int64   `json:"id"`
		Title      string  `json:"title"`
		Supergroup bool    `json:"supergroup"`
		Forum      bool    `json:"forum"`
		Members    []int64 `json:"members"`
	}) error {
		if in.Supergroup || in.Forum {
			s.AddSupergroup(in.ID, in.Title, in.Forum, in.Members...)
		} else {
			s.AddGroup(in.ID, in.Title, in.Members...)
		}
		return nil
	})
	act(mux, "members", func(in struct {
		Chat   int64  `json:"chat"`
		By     int64  `json:"by"`
		User   int64  `json:"user"`
		Status string `json:"status"`
	}) error {
		return s.SetMember(in.Chat, in.By, in.User, in.Status)
	})
	act(mux, "upgrade", func(in struct {
		Chat int64 `json:"chat"`
		To   int64 `json:"to"`
	}) error {
		return s.Upgrade(in.Chat, in.To)
	})
	type topic struct {
		Chat   int64  `json:"chat,omitempty"`
		Name   string `json:"name,omitempty"`
		Thread int64  `json:"thread,omitempty"`
	}
	post(mux, "topics", func(in topic) (topic, error) {
		thread, err := s.AddTopic(in.Chat, in.Name)
		return topic{Thread: thread}, err
	})
}

func (s *Server) controlTalk(mux *http.ServeMux) {
	post(mux, "speak", s.Speak)
	post(mux, "album", func(in struct {
		Utterance
		Files []Media `json:"files"`
	}) ([]Message, error) {
		return s.SpeakAlbum(in.Utterance, in.Files...)
	})
	type touch struct {
		Bot      int64    `json:"bot"`
		Chat     int64    `json:"chat"`
		Message  int64    `json:"message"`
		From     int64    `json:"from"`
		Text     string   `json:"text"`
		Entities []Entity `json:"entities"`
		Data     string   `json:"data"`
		Emojis   []string `json:"emojis"`
	}
	post(mux, "edit", func(in touch) (Message, error) {
		return s.EditSaid(in.Bot, in.Chat, in.Message, in.Text, in.Entities...)
	})
	act(mux, "delete", func(in touch) error { return s.DeleteShown(in.Bot, in.Chat, in.Message) })
	act(mux, "react", func(in touch) error { return s.React(in.Bot, in.Chat, in.Message, in.From, in.Emojis...) })
	post(mux, "press", func(in touch) (Answer, error) {
		id, err := s.Press(in.Bot, in.Chat, in.Message, in.From, in.Data)
		return Answer{QueryID: id}, err
	})
	act(mux, "raw", func(in struct {
		Bot     int64           `json:"bot"`
		Kind    string          `json:"kind"`
		Payload json.RawMessage `json:"payload"`
	}) error {
		return s.RawUpdate(in.Bot, in.Kind, in.Payload)
	})
	post(mux, "redeliver", func(in struct {
		Bot   int64 `json:"bot"`
		Count int   `json:"count"`
	}) (map[string]int, error) {
		n, err := s.Redeliver(in.Bot, in.Count)
		return map[string]int{"count": n}, err
	})
}

// handles keeps the faults that came over the control API, the newest only.
type handles struct {
	mu    sync.Mutex
	byID  map[int64]*FaultHandle
	order []int64
}

func (l *handles) add(h *FaultHandle) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byID[h.id] = h
	if l.order = append(l.order, h.id); len(l.order) > keptHandles {
		delete(l.byID, l.order[0])
		l.order = l.order[1:]
	}
}

func (l *handles) get(r *http.Request) *FaultHandle {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byID[id]
}

func (s *Server) controlFaults(mux *http.ServeMux) {
	known := &handles{byID: map[int64]*FaultHandle{}}
	type state struct {
		ID   int64 `json:"id"`
		Hits int   `json:"hits"`
	}
	post(mux, "faults", func(in Fault) (state, error) {
		h := s.Inject(in)
		known.add(h)
		return state{ID: h.id}, nil
	})
	on := func(verb, path string, do func(*FaultHandle)) {
		mux.HandleFunc(verb+" /control/faults/{id}"+path, func(w http.ResponseWriter, r *http.Request) {
			h := known.get(r)
			if h == nil {
				controlError(w, errors.New("no such fault"))
				return
			}
			do(h)
			controlJSON(w, http.StatusOK, state{ID: h.id, Hits: h.Hits()})
		})
	}
	on("GET", "", func(*FaultHandle) {})
	on("POST", "/release", (*FaultHandle).Release)
	on("DELETE", "", (*FaultHandle).Remove)
}

func (s *Server) controlViews(mux *http.ServeMux) {
	num := func(r *http.Request, name string) int64 {
		n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	get := func(path string, view func(r *http.Request) any) {
		mux.HandleFunc("GET /control/"+path, func(w http.ResponseWriter, r *http.Request) {
			controlJSON(w, http.StatusOK, view(r))
		})
	}
	get("chats", func(*http.Request) any { return s.Chats() })
	get("shown", func(r *http.Request) any { return s.Shown(num(r, "bot"), num(r, "chat")) })
	get("drafts", func(r *http.Request) any { return s.Drafts(num(r, "bot"), num(r, "chat")) })
	get("calls", func(*http.Request) any { return s.Calls() })
	get("commands", func(r *http.Request) any {
		q := r.URL.Query()
		return s.Commands(num(r, "bot"), q.Get("scope"), q.Get("language"))
	})
	get("queue", func(r *http.Request) any {
		return map[string]any{"pending": s.Pending(num(r, "bot")), "polling": s.Polling(num(r, "bot"))}
	})
	get("answer", func(r *http.Request) any {
		a, ok := s.Answer(num(r, "bot"), r.URL.Query().Get("id"))
		return map[string]any{"answered": ok, "answer": a}
	})
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
	mux.HandleFunc("GET /control/file", func(w http.ResponseWriter, r *http.Request) {
		data, ok := s.FileBytes(r.URL.Query().Get("id"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		s.wrote(w.Write(data))
	})
}
