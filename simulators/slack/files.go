package slack

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// ErrNoFile means that there is no such file, or that this person cannot see it.
var ErrNoFile = errors.New("slack simulator: no such file for this person")

// storedFile is a file with its bytes and who may see it: who uploaded it, and those
// in the channels it was shared in.
type storedFile struct {
	File
	upload Upload
	shared map[string]bool
	// state is how far an upload by the app is.
	state uploadState
}

// fileStore keeps the newest files, as many bytes as it may.
type fileStore struct {
	max, used int
	byID      map[string]*storedFile
	order     []string
}

// add keeps a file of somebody. Its addresses are told by files.info, which knows where
// the server is reached; Server.mu is held.
func (fs *fileStore) add(id, owner string, u Upload) *storedFile {
	size := len(u.Bytes)
	if u.Size != 0 {
		size = u.Size
	}
	f := &storedFile{upload: u, shared: map[string]bool{}, File: File{
		ID: id, User: owner, Name: u.Name, Title: u.Name, MIME: mimeOf(u), Mode: "hosted", Subtype: u.Subtype, Size: size,
		URLPrivate: u.URL, URLDownload: u.URL, Permalink: "https://simulated.slack.test/files/" + owner + "/" + id + "/" + url.PathEscape(u.Name),
	}}
	fs.byID[id] = f
	fs.order = append(fs.order, id)
	fs.grow(len(u.Bytes))
	return f
}

// grow takes in that there are n bytes more, and forgets the oldest files for them.
func (fs *fileStore) grow(n int) {
	fs.used += n
	for fs.used > fs.max && len(fs.order) > 1 {
		fs.used -= len(fs.byID[fs.order[0]].upload.Bytes)
		delete(fs.byID, fs.order[0])
		fs.order = fs.order[1:]
	}
}

// mimeOf is what the platform takes a file for: by its name, then by what is in it.
func mimeOf(u Upload) string {
	if u.MIME != "" {
		return u.MIME
	}
	if known := byExtension[strings.ToLower(path.Ext(u.Name))]; known != "" {
		return known
	}
	found, _, _ := strings.Cut(http.DetectContentType(u.Bytes), ";")
	return found
}

var byExtension = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".ogg": "audio/ogg", ".mp3": "audio/mpeg",
	".m4a": "audio/mp4", ".mp4": "video/mp4", ".webm": "video/webm", ".pdf": "application/pdf", ".txt": "text/plain",
}

// sees tells whether somebody may see a file. Server.mu is held.
func (s *Server) sees(user string, f *storedFile) bool {
	if f.User == user {
		return true
	}
	for id := range f.shared {
		if c := s.channels[id]; c != nil && c.members[user] {
			return true
		}
	}
	return false
}

// Download gives a file as somebody sees it who looks at the channels they are in.
func (s *Server) Download(user, id string) (File, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files.byID[id]
	if f == nil || !s.sees(user, f) {
		return File{}, nil, ErrNoFile
	}
	return f.File, f.upload.Bytes, nil
}

// botFile finds a file that the app may see; nil when there is none. Server.mu is held.
func (s *Server) botFile(id string) *storedFile {
	f := s.files.byID[id]
	if f == nil || f.state == uploadOpen || f.state == uploadHere || !s.sees(s.opts.App.UserID, f) {
		return nil
	}
	return f
}

func fileInfo(s *Server, c *call) (args, error) {
	f := s.botFile(c.params["file"])
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

// share shows files in a channel. Server.mu is held.
func (s *Server) share(c *channel, p *Posted, files []*storedFile) {
	for _, f := range files {
		f.shared[c.id] = true
		p.Files = append(p.Files, f.File)
	}
}

// linked are the app's files whose page a text names. The platform shows them with the
// message, and to everybody who reads it, unless previews are switched off
// (https://github.com/slackapi/bolt-python/issues/1018,
// https://github.com/slackapi/python-slack-sdk/issues/1194). Server.mu is held.
func (s *Server) linked(c *call, text string) []*storedFile {
	if c.params["unfurl_links"] == "false" || c.params["unfurl_media"] == "false" {
		return nil
	}
	var out []*storedFile
	for _, id := range s.files.order {
		f := s.botFile(id)
		if f == nil {
			continue
		}
		if _, behind, found := strings.Cut(text, f.Permalink); found && (behind == "" || strings.ContainsRune("|> \n", rune(behind[0]))) {
			out = append(out, f)
		}
	}
	return out
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
	f := s.botFile(id)
	s.mu.Unlock()
	if f == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.MIME)
	s.wrote(w.Write(f.upload.Bytes))
}
