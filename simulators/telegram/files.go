package telegram

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	_ "image/gif"  // to measure photos
	_ "image/jpeg" // to measure photos
	_ "image/png"  // to measure photos
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// maxDownload is the largest file getFile hands out.
// See https://core.telegram.org/bots/api#getfile.
const maxDownload = 20 << 20

// file is what was uploaded or spoken once. Its bytes are never changed.
type file struct {
	id, unique, path string
	kind             string
	name, mime       string
	width, height    int
	size             int64
	data             []byte
}

// fileStore keeps files within a bound, forgetting the oldest.
type fileStore struct {
	max int64

	mu     sync.Mutex
	used   int64
	last   int
	groups int64 // albums so far
	order  []*file
	byID   map[string]*file
	byPath map[string]*file
}

// add stores bytes as a file of a kind. A size above the bytes given is believed, so that a test
// can have a huge file without the memory.
func (fs *fileStore) add(kind, name, mime string, data []byte, size int64) *file {
	f := &file{kind: kind, name: name, mime: mime, data: data, size: max(size, int64(len(data)))}
	if kind == "photo" || kind == "sticker" {
		if cfg, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil {
			f.width, f.height = cfg.Width, cfg.Height
		}
	}
	if f.mime == "" && len(data) > 0 {
		f.mime = http.DetectContentType(data)
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.last++
	n := strconv.Itoa(fs.last)
	f.id = "AgACAgIAAxkB" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s-%08d", kind, fs.last))
	f.unique = "AQAD" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%08d", fs.last))
	f.path = folderOf(kind) + "/file_" + n + extension(f)
	fs.byID[f.id], fs.byPath[f.path] = f, f
	fs.order = append(fs.order, f)
	fs.used += int64(len(data))
	for fs.used > fs.max && len(fs.order) > 1 {
		old := fs.order[0]
		fs.order = fs.order[1:]
		fs.used -= int64(len(old.data))
		delete(fs.byID, old.id)
		delete(fs.byPath, old.path)
	}
	return f
}

func (fs *fileStore) get(id string) *file {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.byID[id]
}

func (fs *fileStore) at(path string) *file {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.byPath[path]
}

func folderOf(kind string) string {
	switch kind {
	case "voice", "audio":
		return kind
	}
	return kind + "s"
}

func extension(f *file) string {
	if ext := path.Ext(f.name); ext != "" && !strings.ContainsAny(ext, "/?#% ") {
		return ext
	}
	switch f.kind {
	case "photo":
		return ".jpg"
	case "voice":
		return ".oga"
	case "audio":
		return ".mp3"
	case "video", "animation":
		return ".mp4"
	case "sticker":
		return ".webp"
	}
	return ""
}

type fileInfo struct {
	FileID       string `json:"file_id"`
	FileUniqueID string `json:"file_unique_id"`
	FileSize     int64  `json:"file_size,omitempty"`
	FilePath     string `json:"file_path,omitempty"`
}

func (s *Server) getFile(c *call) (any, error) {
	id := c.params.values["file_id"]
	if id == "" {
		return nil, badRequest("file_id not specified")
	}
	f := s.files.get(id)
	switch {
	case f == nil:
		return nil, badRequest("invalid file_id")
	case f.size > maxDownload:
		return nil, badRequest("file is too big")
	}
	return fileInfo{FileID: f.id, FileUniqueID: f.unique, FileSize: f.size, FilePath: f.path}, nil
}

// serveFile hands out the bytes behind a file_path.
func (s *Server) serveFile(w http.ResponseWriter, token, name string) {
	s.mu.RLock()
	b := s.tokens[token]
	s.mu.RUnlock()
	if b == nil {
		writeError(w, errUnauthorized)
		return
	}
	f := s.files.at(name)
	if f == nil || f.size > maxDownload {
		writeError(w, errNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.Itoa(len(f.data)))
	w.WriteHeader(http.StatusOK)
	s.wrote(w.Write(f.data))
}

// FileBytes gives the bytes behind a file_id, as long as they are kept.
func (s *Server) FileBytes(id string) ([]byte, bool) {
	f := s.files.get(id)
	if f == nil {
		return nil, false
	}
	return f.data, true
}

// attach puts a file into the field of the message that its kind has.
func (m *Message) attach(f *file, seconds int, emoji string) {
	a := &Attachment{
		FileID: f.id, FileUniqueID: f.unique, FileSize: f.size, FileName: f.name, MIMEType: f.mime,
		Width: f.width, Height: f.height,
	}
	switch f.kind {
	case "photo":
		m.Photo = []PhotoSize{{
			FileID: f.id, FileUniqueID: f.unique, FileSize: f.size,
			Width: max(1, f.width), Height: max(1, f.height),
		}}
	case "voice":
		a.Duration, a.FileName, m.Voice = &seconds, "", a
	case "audio":
		a.Duration, m.Audio = &seconds, a
	case "video":
		a.Duration, m.Video = &seconds, a
	case "animation":
		a.Duration, m.Animation = &seconds, a
		m.Document = &Attachment{FileID: f.id, FileUniqueID: f.unique, FileSize: f.size, FileName: f.name, MIMEType: f.mime}
	case "video_note":
		a.Duration, a.FileName, a.MIMEType, m.VideoNote = &seconds, "", "", a
	case "sticker":
		no := false
		a.FileName, a.MIMEType, a.Emoji, a.Type, a.IsAnimated, a.IsVideo = "", "", emoji, "regular", &no, &no
		a.Width, a.Height = max(1, f.width), max(1, f.height)
		m.Sticker = a
	default:
		m.Document = a
	}
}
