package whatsapp

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// linkLife is how long the address of a file works, uploadLife the id of an upload.
	linkLife   = 5 * time.Minute
	uploadLife = 30 * 24 * time.Hour
)

// uploadTypes are the types of files that a business may upload
// (https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media#supported-media-types).
var uploadTypes = []string{
	"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg", "image/jpeg", "image/png", "image/webp", "video/mp4", "video/3gpp",
	"text/plain", "application/pdf", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// maxUpload bounds an upload with its frame.
const maxUpload = 101 << 20

// uploadLimits are the largest files by the first half of their MIME type, in bytes.
var uploadLimits = map[string]int{"image": 5 << 20, "audio": 16 << 20, "video": 16 << 20}

// maxDocument is the largest other file.
const maxDocument = 100 << 20

// file is what was uploaded or said once. Its bytes are never changed.
type file struct {
	id, mime, name string
	data           []byte
	// until is when its id ends to work; zero for never.
	until time.Time
}

func (f *file) sum() string {
	sum := sha256.Sum256(f.data)
	return hex.EncodeToString(sum[:])
}

func (f *file) sum64() string {
	sum := sha256.Sum256(f.data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// link is an address that leads to a file for a while.
type link struct {
	file  *file
	until time.Time
}

// fileStore keeps files within a bound, forgetting the oldest.
type fileStore struct {
	max int64

	mu    sync.Mutex
	used  int64
	last  int64
	order []*file
	byID  map[string]*file
	links map[string]link
}

func (fs *fileStore) add(mime, name string, data []byte, until time.Time) *file {
	if mime == "" {
		mime = http.DetectContentType(data)
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.last++
	f := &file{id: fmt.Sprintf("%d", 1_000_000_000_000_000+fs.last), mime: mime, name: name, data: data, until: until}
	fs.byID[f.id] = f
	fs.order = append(fs.order, f)
	fs.used += int64(len(data))
	for fs.used > fs.max && len(fs.order) > 1 {
		fs.drop(fs.order[0])
	}
	return f
}

// drop forgets a file. fs.mu is held.
func (fs *fileStore) drop(f *file) {
	for i, o := range fs.order {
		if o == f {
			fs.order = append(fs.order[:i:i], fs.order[i+1:]...)
			fs.used -= int64(len(f.data))
			break
		}
	}
	delete(fs.byID, f.id)
}

func (fs *fileStore) get(id string, now time.Time) *file {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.byID[id]
	if f != nil && !f.until.IsZero() && now.After(f.until) {
		return nil
	}
	return f
}

// lead makes an address for a file; those that lead nowhere any more are forgotten.
func (fs *fileStore) lead(f *file, now time.Time) string {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for key, l := range fs.links {
		if now.After(l.until) {
			delete(fs.links, key)
		}
	}
	key := rand.Text()
	fs.links[key] = link{f, now.Add(linkLife)}
	return key
}

func (fs *fileStore) follow(key string, now time.Time) *file {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	l, ok := fs.links[key]
	if !ok || now.After(l.until) || fs.byID[l.file.id] == nil {
		return nil
	}
	return l.file
}

// AddFile puts a file on the server as an upload does. It gives its id.
func (s *Server) AddFile(mime, name string, data []byte) string {
	return s.files.add(mime, name, data, time.Time{}).id
}

// FileBytes gives the bytes behind a media id, as long as they are kept.
func (s *Server) FileBytes(id string) ([]byte, bool) {
	f := s.files.get(id, s.opts.Now())
	if f == nil {
		return nil, false
	}
	return f.data, true
}

// upload is POST /media.
func (s *Server) upload(req *request) (any, *apiError) {
	r := req.http
	if err := r.ParseMultipartForm(8 << 20); err != nil {
		return nil, badParameter("the body is no form with a file")
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }() // temporary files; nothing to do about one that stays
	for name := range r.MultipartForm.Value {
		if name != "messaging_product" && name != "type" {
			return nil, badParameter("the form has a field %q", name)
		}
	}
	if r.FormValue("messaging_product") != "whatsapp" {
		return nil, missing("messaging_product")
	}
	part, header, err := r.FormFile("file")
	if err != nil {
		return nil, missing("file")
	}
	data, err := io.ReadAll(part)
	if err != nil {
		return nil, badParameter("the file cannot be read")
	}
	full := r.FormValue("type")
	if full == "" {
		full = header.Header.Get("Content-Type")
	}
	plain, _, err := mime.ParseMediaType(full)
	if err != nil || !slices.Contains(uploadTypes, plain) {
		return nil, badParameter("Param file must be a file with one of the following types: %s. Received file of type '%s'.", strings.Join(uploadTypes, ", "), full)
	}
	most, ok := uploadLimits[strings.Split(plain, "/")[0]]
	if !ok {
		most = maxDocument
	}
	if len(data) == 0 || len(data) > most {
		return nil, &apiError{status: http.StatusBadRequest, code: 131053, message: "Media upload error", details: "The file has no bytes or too many."}
	}
	return map[string]any{"id": s.files.add(plain, header.Filename, data, req.at.Add(uploadLife)).id}, nil
}

// mediaInfo is GET or DELETE of a media id.
func (s *Server) mediaInfo(req *request, f *FaultHandle) (any, *apiError) {
	file := s.files.get(req.id, req.at)
	if file == nil {
		return nil, badParameter("Unsupported get request. Object with ID '%s' does not exist", req.id)
	}
	if req.http.Method == http.MethodDelete {
		s.files.mu.Lock()
		s.files.drop(file)
		s.files.mu.Unlock()
		return map[string]any{"success": true}, nil
	}
	address := "http://" + req.http.Host + "/download/" + s.files.lead(file, req.at)
	if f != nil && f.Fault.Kind == FaultMediaURL {
		address = f.Fault.URL
	}
	return map[string]any{
		"messaging_product": "whatsapp", "url": address, "mime_type": file.mime, "sha256": file.sum(),
		"file_size": len(file.data), "id": file.id,
	}, nil
}

// download is GET of the address that mediaInfo gave.
func (s *Server) download(req *request, f *FaultHandle) ([]byte, *apiError) {
	file := s.files.follow(req.id, req.at)
	if file == nil {
		return nil, &apiError{status: http.StatusNotFound, code: 100, message: "the address is not valid any more"}
	}
	data := append([]byte{}, file.data...)
	if f != nil && f.Fault.Kind == FaultGarble && len(data) > 0 {
		data[len(data)/2] ^= 0xff
	}
	return data, nil
}
