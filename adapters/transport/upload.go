package transport

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// longestName bounds a file's name, in bytes.
	longestName = 200
	// sniffed is how much of a file is looked at to find its type.
	sniffed = 512
)

var (
	errNoStore   = errors.New("the media is kept by the hub, and nothing here keeps files")
	errCutShort  = errors.New("the file ended before its size")
	plainQuoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
)

// OutFile is a file on its way to a platform. It is read and closed once.
type OutFile struct {
	io.ReadCloser
	// Name and MIME are never empty.
	Name, MIME string
	// Size is in bytes, At is when the hub stored it.
	Size int64
	At   time.Time
}

// OpenFile opens the bytes of a media that has a Blob, as NewOutFile does. A file of more
// than limit bytes is a Permanent fault, and nothing of it is read.
func OpenFile(ctx context.Context, store blobs.Opener, m core.Media, limit int64) (*OutFile, error) {
	if store == nil {
		return nil, fault.New(fault.Permanent, "open file", errNoStore)
	}
	r, info, err := store.Open(ctx, m.Blob)
	if err != nil {
		return nil, err
	}
	if info.Size > limit {
		_ = r.Close() // nothing of it was read
		return nil, TooLarge(info.Size, limit)
	}
	f := NewOutFile(m, r, info.Size)
	f.At = info.At
	return f, nil
}

// NewOutFile makes a file of size bytes of what r gives. A name and a type that the media
// does not tell are made from its kind and its first bytes.
func NewOutFile(m core.Media, r io.ReadCloser, size int64) *OutFile {
	f := &OutFile{ReadCloser: r, MIME: m.MIME, Size: size}
	if f.MIME == "" {
		head, err := io.ReadAll(io.LimitReader(r, sniffed))
		f.MIME = mimeOf(m.Kind, head)
		f.ReadCloser = again{io.MultiReader(bytes.NewReader(head), failing{err}, r), r}
	}
	f.Name = fileName(cmp.Or(m.Name, string(m.Kind)), f.MIME)
	return f
}

// again reads what was looked at once more, and then the rest.
type again struct {
	io.Reader
	io.Closer
}

// failing gives the error that looking ended with, or nothing.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// mimeOf is the type of a file by its first bytes.
func mimeOf(kind core.MediaKind, head []byte) string {
	full := http.DetectContentType(head)
	if full == "application/ogg" && (kind == core.Voice || kind == core.Audio) {
		return "audio/ogg"
	}
	return full
}

// endings are the names that programs know common types by.
var endings = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "audio/ogg": ".ogg",
	"audio/mpeg": ".mp3", "audio/mp4": ".m4a", "audio/aac": ".aac", "audio/wave": ".wav", "audio/wav": ".wav",
	"video/mp4": ".mp4", "video/webm": ".webm", "video/3gpp": ".3gp", "application/pdf": ".pdf", "text/plain": ".txt",
}

// fileName makes a name that stands in a header and in a folder, with an ending.
func fileName(name, full string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || r == unicode.ReplacementChar:
			return -1
		case r == '/' || r == '\\':
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if len(name) > longestName {
		name = strings.ToValidUTF8(name[len(name)-longestName:], "")
	}
	if !strings.Contains(name, ".") {
		plain, _, _ := strings.Cut(full, ";")
		name += endings[plain]
	}
	return cmp.Or(name, "file")
}

// Form is the body of a multipart/form-data call: fields, and behind them one file that
// is read while it is sent and never held whole. One call can be made with it.
type Form struct {
	// ContentType is the header's; Size is the whole body's, in bytes.
	ContentType string
	Size        int64
	body        io.Reader
	file        *OutFile
	left        int64
	whole       atomic.Bool
	failed      atomic.Pointer[error]
}

// NewForm makes a form of fields and a file in the field called name. The form closes
// the file.
func NewForm(fields map[string]string, name string, f *OutFile) *Form {
	var head, tail bytes.Buffer
	w := multipart.NewWriter(&head) // writing to memory does not fail
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		_ = w.WriteField(field, fields[field])
	}
	about := textproto.MIMEHeader{}
	about.Set("Content-Disposition", `form-data; name="`+plainQuoting.Replace(name)+`"; filename="`+plainQuoting.Replace(f.Name)+`"`)
	about.Set("Content-Type", f.MIME)
	_, _ = w.CreatePart(about)
	tail.WriteString("\r\n--" + w.Boundary() + "--\r\n")
	form := &Form{ContentType: w.FormDataContentType(), Size: int64(head.Len()) + f.Size + int64(tail.Len()), file: f}
	form.left = form.Size
	form.body = io.MultiReader(&head, &exactly{form, blobs.Limit(f, f.Size), f.Size}, &tail)
	return form
}

// Request makes the call that carries the form.
func (f *Form) Request(ctx context.Context, method, url string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, f)
	if err != nil {
		return nil, err
	}
	req.ContentLength = f.Size
	req.Header.Set("Content-Type", f.ContentType)
	return req, nil
}

// Read implements io.Reader.
func (f *Form) Read(p []byte) (int, error) {
	n, err := f.body.Read(p)
	if f.left -= int64(n); f.left <= 0 {
		f.whole.Store(true)
	}
	return n, err
}

// Close implements io.Closer.
func (f *Form) Close() error { return f.file.Close() }

// Whole tells whether all of it was handed to the connection: without its end no server
// takes a form.
func (f *Form) Whole() bool { return f.whole.Load() }

// Err is why the file could not be read, a fault; nil when that is not what went wrong.
func (f *Form) Err() error {
	if err := f.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// exactly reads so many bytes of a form's file, and tells the form when there are others.
type exactly struct {
	form *Form
	from io.Reader
	left int64
}

// Read implements io.Reader.
func (e *exactly) Read(p []byte) (int, error) {
	n, err := e.from.Read(p)
	e.left -= int64(n)
	switch {
	case err == nil, errors.Is(err, io.EOF) && e.left == 0:
		return n, err
	case errors.Is(err, io.EOF):
		err = fault.New(fault.Retryable, "read file", errCutShort)
	case !errors.As(err, new(*fault.Error)):
		err = fault.New(fault.Retryable, "read file", err)
	}
	e.form.failed.Store(&err)
	return n, err
}
