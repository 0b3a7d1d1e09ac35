//go:build !nowhatsmeow

package web

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"go.mau.fi/whatsmeow/util/cbcutil"

	"github.com/parley-hub/parley/simulators"
)

const (
	uploadPath   = "/mms/"
	downloadPath = "/v/"
	// uploadAuth is the token that media_conn gives out.
	uploadAuth = "simulated-upload-token"
	// macSize is how many bytes of a mac stand behind an encrypted file.
	macSize = 10
)

// What the keys of a kind of file are derived with.
const (
	imageKeys    = "WhatsApp Image Keys"
	videoKeys    = "WhatsApp Video Keys"
	audioKeys    = "WhatsApp Audio Keys"
	documentKeys = "WhatsApp Document Keys"
)

var keysOfKind = map[string]string{
	"image": imageKeys, "sticker": imageKeys, "video": videoKeys, "audio": audioKeys, "voice": audioKeys, "document": documentKeys,
}

// mmsTypes are the kinds of files in upload paths.
var mmsTypes = map[string]bool{"image": true, "video": true, "audio": true, "ptt": true, "document": true, "sticker": true, "gif": true}

// files holds encrypted files by their path; beyond the bound the oldest go first.
type files struct {
	mu     *sync.Mutex
	max    int64
	total  int64
	byPath map[string][]byte
	order  []string
}

func newFiles(most int64) files {
	return files{mu: &sync.Mutex{}, max: most, byPath: map[string][]byte{}}
}

// add keeps an encrypted file and gives its path, which is another one each time.
func (f *files) add(data []byte) string {
	path := downloadPath + "t62.7118-24/" + rand.Text() + ".enc?ccb=11-4&oh=" + rand.Text()[:8] + "&_nc_sid=5e03e0"
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byPath[path], f.order = data, append(f.order, path)
	f.total += int64(len(data))
	for f.total > f.max && len(f.order) > 1 {
		f.total -= int64(len(f.byPath[f.order[0]]))
		delete(f.byPath, f.order[0])
		f.order = f.order[1:]
	}
	return path
}

// get finds a file by its path. Clients append parameters of their own.
func (f *files) get(path string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if data := f.byPath[path]; data != nil {
		return data
	}
	path, _, _ = strings.Cut(path, "&hash=")
	return f.byPath[path]
}

// sealedFile is an encrypted file on the server.
type sealedFile struct {
	path                 string
	key, hash, plainHash []byte
}

// fileSecrets derives what a file is encrypted with.
func fileSecrets(key []byte, keys string) (iv, cipherKey, macKey []byte, err error) {
	out, err := hkdf.Key(sha256.New, key, nil, keys, 112)
	if err != nil {
		return nil, nil, nil, err
	}
	return out[:16], out[16:48], out[48:80], nil
}

// fileMAC is the mac behind an encrypted file.
func fileMAC(macKey, iv, data []byte) []byte {
	mac := hmac.New(sha256.New, macKey)
	mac.Write(iv)
	mac.Write(data)
	return mac.Sum(nil)[:macSize]
}

// seal encrypts a file and keeps it.
func (f *files) seal(plain []byte, keys string) (sealedFile, error) {
	out := sealedFile{key: make([]byte, 32)}
	_, _ = rand.Read(out.key) // it never fails
	iv, cipherKey, macKey, err := fileSecrets(out.key, keys)
	if err != nil {
		return out, err
	}
	data, err := cbcutil.Encrypt(cipherKey, iv, bytes.Clone(plain))
	if err != nil {
		return out, err
	}
	data = append(data, fileMAC(macKey, iv, data)...)
	hash, plainHash := sha256.Sum256(data), sha256.Sum256(plain)
	out.hash, out.plainHash, out.path = hash[:], plainHash[:], f.add(data)
	return out, nil
}

// openFile fetches and decrypts the file of a message, as the phone that shows it does.
func (s *Server) openFile(f *file) *Media {
	m := &Media{Kind: f.kind, MIME: f.GetMimetype(), Name: f.name, Size: int(f.GetFileLength())}
	data, err := s.open(f)
	if err != nil {
		m.Problem = err.Error()
		return m
	}
	m.Data = data
	return m
}

func (s *Server) open(f *file) ([]byte, error) {
	data := s.files.get(f.GetDirectPath())
	hash := sha256.Sum256(data)
	switch {
	case data == nil:
		return nil, errors.New("no such file on the server")
	case !bytes.Equal(hash[:], f.GetFileEncSHA256()):
		return nil, errors.New("the file on the server has another hash")
	case len(data) <= macSize:
		return nil, errors.New("the file on the server is too short")
	}
	iv, cipherKey, macKey, err := fileSecrets(f.GetMediaKey(), f.keys)
	if err != nil {
		return nil, err
	}
	body, mac := data[:len(data)-macSize], data[len(data)-macSize:]
	if !hmac.Equal(mac, fileMAC(macKey, iv, body)) {
		return nil, errors.New("the mac of the file is wrong")
	}
	plain, err := cbcutil.Decrypt(cipherKey, iv, bytes.Clone(body))
	if err != nil {
		return nil, err
	}
	plainHash := sha256.Sum256(plain)
	switch {
	case !bytes.Equal(plainHash[:], f.GetFileSHA256()):
		return nil, errors.New("the decrypted file has another hash")
	case uint64(len(plain)) != f.GetFileLength():
		return nil, errors.New("the decrypted file has another length")
	case f.GetMimetype() == "":
		return nil, errors.New("the message does not say what the file is")
	}
	return plain, nil
}

// mediaConn tells where files go.
func (s *Server) mediaConn() []node {
	return []node{{Tag: "media_conn", Attrs: attrs{
		"auth": uploadAuth, "ttl": 300, "auth_ttl": 21600, "max_buckets": 12, "max_manual_retry": 3,
	}, Content: []node{{Tag: "host", Attrs: attrs{"hostname": s.opts.MediaHost, "type": "primary"}}}}}
}

// upload takes an encrypted file.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	call := Call{Stanza: atUpload}
	h := s.take(atUpload, "", "")
	if h != nil && !s.meetHTTP(w, h, call) {
		return
	}
	if h != nil {
		call.Fault = h.Fault.Kind
	}
	data, status, problem := s.readUpload(w, r)
	call.Code, call.Problem = codeOf(problem, status), problem
	s.record(call)
	if problem != "" {
		http.Error(w, problem, status)
		return
	}
	path := s.files.add(data)
	if call.Fault == FaultDropAfter || call.Fault == FaultNoAnswer {
		simulators.Cut()
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(simulators.JSON(map[string]string{ // a client that left needs no answer
		"url": "https://" + s.opts.MediaHost + path, "direct_path": path, "handle": "", "object_id": "",
	}))
}

// readUpload reads and checks an upload.
func (s *Server) readUpload(w http.ResponseWriter, r *http.Request) (data []byte, status int, problem string) {
	kind, token, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, uploadPath), "/")
	query := r.URL.Query()
	switch {
	case r.Method != http.MethodPost:
		return nil, http.StatusMethodNotAllowed, "an upload that is no POST"
	case !mmsTypes[kind]:
		return nil, http.StatusBadRequest, "an upload of an unknown kind"
	case query.Get("auth") != uploadAuth:
		return nil, http.StatusUnauthorized, "an upload without the token of media_conn"
	case query.Get("token") != token:
		return nil, http.StatusBadRequest, "an upload with two tokens"
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.opts.MaxUpload))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, http.StatusRequestEntityTooLarge, "the file is too large"
	}
	if err != nil {
		return nil, http.StatusBadRequest, "the file cannot be read"
	}
	hash := sha256.Sum256(data)
	if strings.TrimRight(token, "=") != base64.RawURLEncoding.EncodeToString(hash[:]) {
		return nil, http.StatusBadRequest, "the token is not the hash of the file"
	}
	return data, 0, ""
}

// download gives an encrypted file.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	call := Call{Stanza: atDownload}
	h := s.take(atDownload, "", "")
	if h != nil && !s.meetHTTP(w, h, call) {
		return
	}
	data := s.files.get(r.URL.RequestURI())
	if h != nil {
		call.Fault = h.Fault.Kind
	}
	if data == nil {
		call.Code = http.StatusNotFound
		http.NotFound(w, r)
	} else {
		if call.Fault == FaultGarble {
			data = garbled(data)
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(data) // a client that left needs no answer
	}
	s.record(call)
}
