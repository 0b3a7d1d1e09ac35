package telegram

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/parley-hub/parley/simulators"
)

// controlHandler mirrors the Go API as JSON over HTTP, for tests that run this server in another
// process. The routes are listed in the package documentation.
func (s *Server) controlHandler() http.Handler {
	c := &simulators.Control{}
	s.controlPeople(c)
	s.controlGroups(c)
	s.controlTalk(c)
	simulators.Faults(c, s.Inject)
	s.controlViews(c)
	return c
}

func (s *Server) controlPeople(c *simulators.Control) {
	simulators.Act(c, "bots", func(in struct {
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
	simulators.Act(c, "users", func(in User) error {
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
	simulators.Act(c, "deactivate", func(in botAndUser) error { return s.Deactivate(in.User) })
	simulators.Act(c, "private", func(in botAndUser) error { return s.OpenPrivate(in.Bot, in.User) })
	simulators.Act(c, "block", func(in botAndUser) error { return s.Block(in.Bot, in.User, in.On) })
	simulators.Act(c, "privacy", func(in botAndUser) error { return s.SetPrivacy(in.Bot, in.On) })
}

func (s *Server) controlGroups(c *simulators.Control) {
	simulators.Act(c, "groups", func(in struct {
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
	simulators.Act(c, "members", func(in struct {
		Chat   int64  `json:"chat"`
		By     int64  `json:"by"`
		User   int64  `json:"user"`
		Status string `json:"status"`
	}) error {
		return s.SetMember(in.Chat, in.By, in.User, in.Status)
	})
	simulators.Act(c, "upgrade", func(in struct {
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
	simulators.Post(c, "topics", func(in topic) (topic, error) {
		thread, err := s.AddTopic(in.Chat, in.Name)
		return topic{Thread: thread}, err
	})
}

func (s *Server) controlTalk(c *simulators.Control) {
	simulators.Post(c, "speak", s.Speak)
	simulators.Post(c, "album", func(in struct {
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
	simulators.Post(c, "edit", func(in touch) (Message, error) {
		return s.EditSaid(in.Bot, in.Chat, in.Message, in.Text, in.Entities...)
	})
	simulators.Act(c, "delete", func(in touch) error { return s.DeleteShown(in.Bot, in.Chat, in.Message) })
	simulators.Act(c, "react", func(in touch) error { return s.React(in.Bot, in.Chat, in.Message, in.From, in.Emojis...) })
	simulators.Post(c, "press", func(in touch) (Answer, error) {
		id, err := s.Press(in.Bot, in.Chat, in.Message, in.From, in.Data)
		return Answer{QueryID: id}, err
	})
	simulators.Act(c, "raw", func(in struct {
		Bot     int64           `json:"bot"`
		Kind    string          `json:"kind"`
		Payload json.RawMessage `json:"payload"`
	}) error {
		return s.RawUpdate(in.Bot, in.Kind, in.Payload)
	})
	simulators.Post(c, "redeliver", func(in struct {
		Bot   int64 `json:"bot"`
		Count int   `json:"count"`
	}) (map[string]int, error) {
		n, err := s.Redeliver(in.Bot, in.Count)
		return map[string]int{"count": n}, err
	})
}

func (s *Server) controlViews(c *simulators.Control) {
	c.Get("chats", func(*http.Request) any { return s.Chats() })
	c.Get("shown", func(r *http.Request) any { return s.Shown(simulators.Number(r, "bot"), simulators.Number(r, "chat")) })
	c.Get("drafts", func(r *http.Request) any { return s.Drafts(simulators.Number(r, "bot"), simulators.Number(r, "chat")) })
	simulators.Watch(c, s.Transcript)
	c.Get("commands", func(r *http.Request) any {
		q := r.URL.Query()
		return s.Commands(simulators.Number(r, "bot"), q.Get("scope"), q.Get("language"))
	})
	c.Get("queue", func(r *http.Request) any {
		return map[string]any{"pending": s.Pending(simulators.Number(r, "bot")), "polling": s.Polling(simulators.Number(r, "bot"))}
	})
	c.Get("answer", func(r *http.Request) any {
		a, ok := s.Answer(simulators.Number(r, "bot"), r.URL.Query().Get("id"))
		return map[string]any{"answered": ok, "answer": a}
	})
	c.HandleFunc("GET /control/file", func(w http.ResponseWriter, r *http.Request) {
		data, ok := s.FileBytes(r.URL.Query().Get("id"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		s.wrote(w.Write(data))
	})
}
