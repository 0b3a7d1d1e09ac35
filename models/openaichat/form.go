package openaichat

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"path"
	"strings"
	"sync"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

var errAudioLength = errors.New("the recording is not as long as it was said to be")

// form is a transcription request as multipart/form-data: what stands before and behind
// the recording is held, the recording itself is read while it is sent. It can be opened
// again, as the transport does for a connection that was closed while idle.
type form struct {
	kind       string
	head, tail []byte
	audio      func() (io.ReadCloser, error)
	size       int64

	mu sync.Mutex
	// err is why the recording could not be read. It is set while the transport sends.
	err error
}

// newForm writes the fields before the file: a server may read them before it takes the
// file.
func newForm(r models.TranscribeRequest, verbose bool) (*form, error) {
	if r.Audio == nil || r.Size <= 0 {
		return nil, errors.New("there is no recording")
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	format := "json"
	if verbose {
		format = "verbose_json"
	}
	var failed error
	for _, field := range [][2]string{{"model", r.Model}, {"response_format", format}, {"language", r.Language}} {
		if field[1] != "" {
			failed = errors.Join(failed, w.WriteField(field[0], field[1]))
		}
	}
	_, err := w.CreateFormFile("file", fileName(r.Name))
	head := bytes.Clone(b.Bytes())
	b.Reset()
	if err = errors.Join(failed, err, w.Close()); err != nil {
		return nil, err
	}
	return &form{kind: w.FormDataContentType(), head: head, tail: bytes.Clone(b.Bytes()), audio: r.Audio, size: r.Size}, nil
}

// fileName keeps only the ending, which is what servers go by: how somebody called their
// file is not the worker's business.
func fileName(name string) string {
	ending := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	if ending == "" || len(ending) > 8 || strings.Trim(ending, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return "recording"
	}
	return "recording." + ending
}

func (f *form) length() int64 { return int64(len(f.head)) + f.size + int64(len(f.tail)) }

func (f *form) open() (io.ReadCloser, error) {
	audio, err := f.audio()
	if err != nil {
		f.fail(err)
		return nil, err
	}
	counted := &countedAudio{form: f, r: audio, left: f.size}
	return &formBody{io.MultiReader(bytes.NewReader(f.head), counted, bytes.NewReader(f.tail)), audio}, nil
}

func (f *form) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *form) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// unreadable is the fault of a recording that cannot be read: no worker is to blame.
func (f *form) unreadable(op string, err error) error {
	return fault.New(fault.Permanent, op, models.Blamed(models.BlameRequest, fmt.Errorf("read the recording: %w", err)),
		fault.WithPublic(publicNoAudio))
}

type formBody struct {
	io.Reader
	io.Closer
}

// countedAudio gives exactly as many bytes as the recording should have.
type countedAudio struct {
	form *form
	r    io.Reader
	left int64
}

func (a *countedAudio) Read(p []byte) (int, error) {
	if a.left == 0 {
		return 0, a.end()
	}
	n, err := a.r.Read(p[:min(int64(len(p)), a.left)])
	a.left -= int64(n)
	switch {
	case err == nil || errors.Is(err, io.EOF) && a.left == 0:
		return n, nil
	case errors.Is(err, io.EOF):
		err = errAudioLength
	}
	a.form.fail(err)
	return n, err
}

// end looks whether the recording goes on behind its length.
func (a *countedAudio) end() error {
	var one [1]byte
	n, err := a.r.Read(one[:])
	switch {
	case n > 0:
		err = errAudioLength
	case err == nil:
		// Nothing yet is as good as the end: every byte that was announced is here.
		return io.EOF
	case errors.Is(err, io.EOF):
		return io.EOF
	}
	a.form.fail(err)
	return err
}
