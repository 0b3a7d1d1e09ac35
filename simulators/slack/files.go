package slack

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// storedFile is a file with its bytes.
type storedFile struct {
	File
	upload Upload
}

// fileStore keeps the newest files, as many bytes as it may.
type fileStore struct {
	max, used int
	byID      map[string]*storedFile
	order     []string
}

// add keeps a file. Its addresses are told by files.info, which knows where the server
// is reached; Server.mu is held.
func (fs *fileStore) add(id string, u Upload) File {
	size := len(u.Bytes)
	if u.Size != 0 {
		size = u.Size
	}
	f := File{
		ID: id, Name: u.Name, Title: u.Name, MIME: u.MIME, Mode: "hosted", Subtype: u.Subtype, Size: size,
		URLPrivate: u.URL, URLDownload: u.URL, Permalink: "https://simulated.slack.test/files/" + id + "/" + url.PathEscape(u.Name),
	}
	fs.byID[id] = &storedFile{f, u}
	fs.order = append(fs.order, id)
	fs.used += len(u.Bytes)
	for fs.used > fs.max && len(fs.order) > 1 {
		fs.used -= len(fs.byID[fs.order[0]].upload.Bytes)
		delete(fs.byID, fs.order[0])
		fs.order = fs.order[1:]
	}
	return f
}

// FileBytes gives the bytes of a file; false for one that is not kept.
func (s *Server) FileBytes(id string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files.byID[id]
	if f == nil {
		return nil, false
	}
	return f.upload.Bytes, true
}

func fileInfo(s *Server, c *call) (args, error) {
	f := s.files.byID[c.params["file"]]
	if f == nil {
		return nil, refuse("file_not_found")
	}
	out := f.File
	if out.URLPrivate == "" {
		out.URLPrivate = c.base + "/files/" + f.ID + "/" + url.PathEscape(f.Name)
		out.URLDownload = c.base + "/files/" + f.ID + "/download/" + url.PathEscape(f.Name)
	}
	return args{"file": out}, nil
}

// serveFile hands out the bytes of a file to who has the token, and sends everybody else
// to the page where people log in, as the public platform does.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/files/"), "/")
	if subtle.ConstantTimeCompare([]byte(bearer(r)), []byte(s.opts.App.BotToken)) != 1 {
		http.Redirect(w, r, "/signin?redir="+url.QueryEscape(r.URL.Path), http.StatusFound)
		return
	}
	s.mu.Lock()
	f := s.files.byID[id]
	s.mu.Unlock()
	if f == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.MIME)
	s.wrote(w.Write(f.upload.Bytes))
}

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

// serveResponse takes an answer to an interaction
// (https://docs.slack.dev/interactivity/handling-user-interaction#message_responses).
func (s *Server) serveResponse(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Text     string          `json:"text"`
		Blocks   json.RawMessage `json:"blocks"`
		Type     string          `json:"response_type"`
		Replace  bool            `json:"replace_original"`
		Delete   bool            `json:"delete_original"`
		ThreadTS string          `json:"thread_ts"`
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || json.Unmarshal(data, &in) != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.responses[strings.TrimPrefix(r.URL.Path, "/response/")]
	if u == nil || u.uses == 0 || s.opts.Now().After(u.until) || s.channels[u.channel] == nil {
		http.Error(w, "used_url", http.StatusNotFound)
		return
	}
	u.uses--
	c := s.channels[u.channel]
	i := c.index(u.message)
	switch {
	case in.Delete && i >= 0:
		s.remove(c, i)
	case in.Replace && i >= 0:
		now := *c.log[i]
		now.Text, now.Blocks = in.Text, in.Blocks
		s.replace(c, i, &now)
	default:
		p := s.byBot(Message{Text: in.Text, Blocks: in.Blocks, ThreadTS: in.ThreadTS})
		if in.Type != "in_channel" {
			p.Ephemeral = u.user
		}
		s.store(c, p)
	}
	s.wrote(io.WriteString(w, "ok"))
}
