package slack

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Uploading takes three steps (https://docs.slack.dev/messaging/working-with-files#upload):
// the app asks for an address, sends the bytes there, and says that it has.

// uploadLife is how long the address of an upload can be used. The public platform does
// not say how long its own live.
const uploadLife = 10 * time.Minute

// maxAltText bounds the words for who does not see a picture.
const maxAltText = 1000

// uploadState is how far an upload is. The zero value is a file that is there.
type uploadState uint8

const (
	uploadDone uploadState = iota
	// uploadOpen: the address was given out and nothing came there.
	uploadOpen
	// uploadHere: the bytes came.
	uploadHere
)

// uploadURL is an address that takes the bytes of one file, once.
type uploadURL struct {
	file  string
	size  int
	until time.Time
}

func uploadAddress(s *Server, c *call) (args, error) {
	size, err := strconv.Atoi(c.params["length"])
	name := c.params["filename"]
	switch {
	case c.params["length"] == "" || name == "" || err == nil && size == 0:
		return nil, refuse("missing_argument")
	case err != nil || size < 0:
		return nil, refuse("invalid_arguments")
	case size > s.opts.MaxFileBytes:
		return nil, refuse("file_upload_size_restricted")
	case len([]rune(c.params["alt_txt"])) > maxAltText:
		return nil, refuse("alt_txt_too_large")
	}
	id := s.nextFileID()
	f := s.files.add(id, s.opts.App.UserID, Upload{Name: path.Base(name)})
	f.state, f.MIME = uploadOpen, ""
	ticket := token()
	s.uploads[ticket] = &uploadURL{file: id, size: size, until: c.at.Add(uploadLife)}
	return args{"upload_url": c.base + "/upload/v1/" + ticket, "file_id": id}, nil
}

// nextFileID gives the id of the next file. Server.mu is held.
func (s *Server) nextFileID() string { return fmt.Sprintf("F%08d", s.nextID()) }

// MethodUpload names the sending of a file's bytes among calls and faults.
const MethodUpload = "upload"

// serveUpload takes the bytes of a file, as they are or as the one part of a form. Whoever
// has the address needs no token.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	c := &call{method: MethodUpload, at: s.opts.Now(), params: map[string]string{}, plain: true}
	data, err := uploaded(w, r, int64(s.opts.MaxFileBytes)+1<<16)
	if err != nil {
		s.finish(w, c, outcome{err: err})
		return
	}
	s.finish(w, c, s.execute(c, func() (args, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.received(c, strings.TrimPrefix(r.URL.Path, "/upload/v1/"), data)
	}))
}

func uploaded(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, refuse("invalid_post_type")
	}
	var body io.Reader = http.MaxBytesReader(w, r.Body, limit)
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "multipart/form-data" {
		form, err := r.MultipartReader()
		if err != nil {
			return nil, refuse("invalid_form_data")
		}
		part, err := form.NextPart()
		if err != nil {
			return nil, refuse("invalid_form_data")
		}
		body = io.LimitReader(part, limit)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, refuse("request_timeout")
	}
	return data, nil
}

// received takes in the bytes that came at an address. Server.mu is held.
func (s *Server) received(c *call, ticket string, data []byte) (args, error) {
	u := s.uploads[ticket]
	if u == nil || c.at.After(u.until) || s.files.byID[u.file] == nil {
		return nil, refuse("upload_url_unknown")
	}
	if len(data) != u.size {
		return nil, refuse("upload_size_mismatch")
	}
	delete(s.uploads, ticket)
	f := s.files.byID[u.file]
	f.upload.Bytes, f.Size, f.state = data, len(data), uploadHere
	s.files.grow(len(data))
	return args{"size": len(data)}, nil
}

// completeUpload ends uploads; with a channel it shows them there in a message, which
// carries no metadata.
func completeUpload(s *Server, c *call) (args, error) {
	var named []struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	if json.Unmarshal([]byte(c.params["files"]), &named) != nil || len(named) == 0 {
		return nil, refuse("invalid_arguments")
	}
	var files []*storedFile
	for _, n := range named {
		f := s.files.byID[n.ID]
		if f == nil || f.state != uploadHere || slices.Contains(files, f) {
			return nil, refuse("file_not_found")
		}
		files = append(files, f)
	}
	ch, thread, err := s.uploadTarget(c)
	if err != nil {
		return nil, err
	}
	answer := []args{}
	for i, f := range files {
		if f.state = uploadDone; named[i].Title != "" {
			f.Title = named[i].Title
		}
		f.MIME = mimeOf(f.upload)
		answer = append(answer, args{"id": f.ID, "title": f.Title})
	}
	if ch != nil {
		p := s.byBot(Message{Text: c.params["initial_comment"], ThreadTS: thread, Subtype: "file_share"})
		s.share(ch, p, files)
		s.store(ch, p)
		s.tellMessage(ch, p)
	}
	return args{"files": answer}, nil
}

// uploadTarget is where uploads are to be shown; nil for nowhere. Server.mu is held.
func (s *Server) uploadTarget(c *call) (ch *channel, thread string, err error) {
	if c.channel == "" {
		c.channel = c.params["channels"]
	}
	if c.channel == "" {
		return nil, "", nil
	}
	if ch, err = s.target(c); err != nil {
		return nil, "", err
	}
	if thread = c.params["thread_ts"]; thread != "" && ch.find(thread) == nil {
		return nil, "", refuse("thread_not_found")
	}
	return ch, thread, nil
}
