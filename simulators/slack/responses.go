package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	responseUses = 5
	responseLife = 30 * time.Minute
	maxResponses = 1000
)

// responseURL is where an app can answer an interaction for a while.
type responseURL struct {
	channel, message, user string
	uses                   int
	until                  time.Time
}

// newResponseURL gives an address relative to the server's own: the app's host for it is
// the one its calls go to. Server.mu is held.
func (s *Server) newResponseURL(channel, message, user string) string {
	id := token()
	s.responses[id] = &responseURL{channel: channel, message: message, user: user, uses: responseUses, until: s.opts.Now().Add(responseLife)}
	if s.order = append(s.order, id); len(s.order) > maxResponses {
		delete(s.responses, s.order[0])
		s.order = s.order[1:]
	}
	return s.self() + "/response/" + id
}

// answered is an answer to an interaction.
type answered struct {
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks"`
	Type     string          `json:"response_type"`
	Replace  bool            `json:"replace_original"`
	Delete   bool            `json:"delete_original"`
	ThreadTS string          `json:"thread_ts"`
}

// MethodResponse names an answer to an interaction among calls and faults.
const MethodResponse = "response"

// serveResponse takes an answer to an interaction
// (https://docs.slack.dev/interactivity/handling-user-interaction#message_responses).
func (s *Server) serveResponse(w http.ResponseWriter, r *http.Request) {
	c := &call{method: MethodResponse, at: s.opts.Now(), params: map[string]string{}, plain: true}
	var in answered
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || json.Unmarshal(data, &in) != nil {
		s.finish(w, c, outcome{err: refuse("invalid_payload")})
		return
	}
	s.finish(w, c, s.execute(c, func() (args, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		u := s.responses[strings.TrimPrefix(r.URL.Path, "/response/")]
		if u == nil || u.uses == 0 || c.at.After(u.until) || s.channels[u.channel] == nil {
			return nil, refuse("used_url")
		}
		u.uses--
		return s.respond(u, in)
	}))
}

// respond shows an answer to an interaction. Server.mu is held.
func (s *Server) respond(u *responseURL, in answered) (args, error) {
	c := s.channels[u.channel]
	i := c.index(u.message)
	if len(in.Blocks) > 0 {
		if err := checkBlocks(string(in.Blocks)); err != nil {
			return nil, err
		}
	}
	switch {
	case in.Delete && i >= 0:
		s.remove(c, i)
	case in.Replace && i >= 0:
		now := *c.log[i]
		now.Text, now.Blocks = in.Text, in.Blocks
		s.replace(c, i, &now)
	case strings.TrimSpace(in.Text) == "" && len(in.Blocks) == 0:
		return nil, refuse("no_text")
	default:
		p := s.byBot(Message{Text: in.Text, Blocks: in.Blocks, ThreadTS: in.ThreadTS})
		if in.Type != "in_channel" {
			p.Ephemeral = u.user
		}
		s.store(c, p)
	}
	return args{}, nil
}
