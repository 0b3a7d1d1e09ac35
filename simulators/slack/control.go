package slack

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/parley-hub/parley/simulators"
)

// controlHandler mirrors the Go API as JSON over HTTP, for tests that run this server in
// another process. The routes are listed in the package documentation.
func (s *Server) controlHandler() http.Handler {
	c := &simulators.Control{}
	s.controlPeople(c)
	s.controlTalk(c)
	simulators.Faults(c, s.Inject)
	s.controlWays(c)
	s.controlViews(c)
	return c
}

func (s *Server) controlPeople(c *simulators.Control) {
	simulators.Act(c, "users", func(in User) error {
		if in.ID == "" {
			return errors.New("a user needs an id")
		}
		s.AddUser(in.ID, in.Name)
		return nil
	})
	simulators.Act(c, "channels", func(in struct {
		ID      string      `json:"id"`
		Name    string      `json:"name"`
		Kind    ChannelKind `json:"kind"`
		Members []string    `json:"members"`
	}) error {
		if in.ID == "" {
			return errors.New("a channel needs an id")
		}
		kind := cmp.Or(in.Kind, Public)
		if kind == Direct || families[kind] == "" {
			return errors.New("a channel is of the kind channel, group or mpim")
		}
		s.AddChannelOf(kind, in.ID, in.Name, in.Members...)
		return nil
	})
	simulators.Post(c, "dm", func(in struct {
		User string `json:"user"`
	}) (map[string]string, error) {
		id, err := s.OpenDM(in.User)
		return map[string]string{"channel": id}, err
	})
}

func (s *Server) controlTalk(c *simulators.Control) {
	simulators.Post(c, "speak", s.Speak)
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
	simulators.Act(c, "edit", func(in touch) error { return s.EditSaid(in.Channel, in.TS, in.Text) })
	simulators.Act(c, "delete", func(in touch) error { return s.Delete(in.Channel, in.TS) })
	simulators.Act(c, "react", func(in touch) error { return s.React(in.Channel, in.TS, in.User, in.Name, in.Removed) })
	simulators.Act(c, "press", func(in touch) error { return s.Press(in.Channel, in.TS, in.User, in.ActionID) })
	simulators.Act(c, "join", func(in touch) error { return s.Join(in.Channel, in.User) })
	simulators.Act(c, "leave", func(in touch) error { return s.Leave(in.Channel, in.User) })
	simulators.Act(c, "invite", func(in touch) error { return s.Invite(in.Channel, in.TS) })
	simulators.Act(c, "slash", func(in touch) error { return s.Slash(in.Channel, in.User, in.Command, in.Text) })
}

func (s *Server) controlWays(c *simulators.Control) {
	simulators.Act(c, "request_url", func(in struct {
		URL string `json:"url"`
	}) error {
		s.SetRequestURL(in.URL)
		return nil
	})
	simulators.Act(c, "disconnect", func(in struct {
		Reason string `json:"reason"`
	}) error {
		s.Disconnect(in.Reason)
		return nil
	})
	simulators.Act(c, "storm", func(in struct {
		Count int `json:"count"`
	}) error {
		s.Storm(in.Count)
		return nil
	})
}

func (s *Server) controlViews(c *simulators.Control) {
	c.Get("shown", func(r *http.Request) any { return s.Shown(r.URL.Query().Get("channel")) })
	c.Get("file", func(r *http.Request) any {
		f, data, err := s.Download(r.URL.Query().Get("user"), r.URL.Query().Get("file"))
		if err != nil {
			return args{"error": err.Error()}
		}
		return args{"file": f, "bytes": data}
	})
	simulators.Watch(c, s.Transcript)
	c.Get("stats", func(*http.Request) any { return s.Stats() })
}
