package transport_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/parley-hub/parley/adapters/transport"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// oneBlob is a store of one file.
type oneBlob struct {
	content io.Reader
	size    int64
	closed  bool
}

func (b *oneBlob) Open(context.Context, core.BlobRef) (io.ReadCloser, blobs.Info, error) {
	return struct {
		io.Reader
		io.Closer
	}{b.content, b}, blobs.Info{Size: b.size}, nil
}

func (b *oneBlob) Close() error {
	b.closed = true
	return nil
}

func TestOpenFileNamesAndTypes(t *testing.T) {
	for _, test := range []struct {
		media      core.Media
		content    string
		name, mime string
	}{
		{core.Media{Kind: core.Image}, "\x89PNG\r\n\x1a\nrest", "image.png", "image/png"},
		{core.Media{Kind: core.Voice}, "OggS\x00\x02rest", "voice.ogg", "audio/ogg"},
		{core.Media{Kind: core.Document, Name: "página 1.pdf", MIME: "application/pdf"}, "x", "página 1.pdf", "application/pdf"},
		{core.Media{Kind: core.Document, Name: "../../etc/pass\r\nwd", MIME: "text/plain; charset=utf-8"}, "x", ".._.._etc_passwd", "text/plain; charset=utf-8"},
		{core.Media{Kind: core.Document, Name: "notes", MIME: "text/plain; charset=utf-8"}, "x", "notes.txt", "text/plain; charset=utf-8"},
		{core.Media{Kind: core.Document, Name: strings.Repeat("ä", 300) + ".txt"}, "x", strings.Repeat("ä", 98) + ".txt", "text/plain; charset=utf-8"},
	} {
		store := &oneBlob{content: iotest.OneByteReader(strings.NewReader(test.content)), size: int64(len(test.content))}
		f, err := transport.OpenFile(t.Context(), store, test.media, 100)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name != test.name || f.MIME != test.mime {
			t.Errorf("%+v: %q %q, want %q %q", test.media, f.Name, f.MIME, test.name, test.mime)
		}
		if got, err := io.ReadAll(f); string(got) != test.content || err != nil {
			t.Errorf("%+v: read %q, %v", test.media, got, err)
		}
	}
}

func TestOpenFileRefuses(t *testing.T) {
	if _, err := transport.OpenFile(t.Context(), nil, core.Media{Blob: "b"}, 1); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("without a store: %v", err)
	}
	store := &oneBlob{content: iotest.ErrReader(errors.New("was read")), size: 11}
	_, err := transport.OpenFile(t.Context(), store, core.Media{Blob: "b"}, 10)
	if fault.ClassOf(err) != fault.Permanent || !store.closed || !strings.Contains(err.Error(), "11 bytes") {
		t.Errorf("too large: %v, closed %v", err, store.closed)
	}
}

// TestFormIsReadByStrangers: what the form writes the standard library reads, and its
// length is what it says.
func TestFormIsReadByStrangers(t *testing.T) {
	store := &oneBlob{content: strings.NewReader("the bytes"), size: 9}
	f, err := transport.OpenFile(t.Context(), store, core.Media{Name: `a "quoted" \ näme.txt`, MIME: "text/x-test"}, 10)
	if err != nil {
		t.Fatal(err)
	}
	form := transport.NewForm(map[string]string{"b": "2", "a": "1"}, "files[0]", f)
	req, err := form.Request(t.Context(), http.MethodPost, "http://127.0.0.1/")
	if err != nil {
		t.Fatal(err)
	}
	if form.Whole() {
		t.Error("whole before it is read")
	}
	body, err := io.ReadAll(req.Body)
	if err != nil || int64(len(body)) != req.ContentLength || !form.Whole() || form.Err() != nil {
		t.Fatalf("%d bytes, announced %d, whole %v: %v, %v", len(body), req.ContentLength, form.Whole(), err, form.Err())
	}
	_, args, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := multipart.NewReader(strings.NewReader(string(body)), args["boundary"]).ReadForm(1 << 10)
	if err != nil {
		t.Fatal(err)
	}
	part := got.File["files[0]"][0]
	if got.Value["a"][0] != "1" || got.Value["b"][0] != "2" || part.Filename != `a "quoted" _ näme.txt` || part.Header.Get("Content-Type") != "text/x-test" || part.Size != 9 {
		t.Errorf("read %+v, file %+v", got.Value, part)
	}
	if err := form.Close(); err != nil || !store.closed {
		t.Errorf("closed %v, %v", store.closed, err)
	}
}

// TestFormOfABadFile: a file that is not what was said, or cannot be read, breaks the
// call, and the form knows why.
func TestFormOfABadFile(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	disk := errors.New("the disk is gone")
	for name, test := range map[string]struct {
		content io.Reader
		class   fault.Class
	}{
		"shorter":    {strings.NewReader("four"), fault.Retryable},
		"longer":     {strings.NewReader("more than nine"), fault.Permanent},
		"unreadable": {iotest.ErrReader(disk), fault.Retryable},
		"classified": {iotest.ErrReader(fault.New(fault.NeedsHuman, "read", disk)), fault.NeedsHuman},
	} {
		store := &oneBlob{content: test.content, size: 9}
		f, err := transport.OpenFile(t.Context(), store, core.Media{Name: "a.txt", MIME: "text/plain"}, 10)
		if err != nil {
			t.Fatal(err)
		}
		form := transport.NewForm(nil, "file", f)
		req, err := form.Request(t.Context(), http.MethodPost, server.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s: the call succeeded", name)
		}
		if fault.ClassOf(form.Err()) != test.class || form.Whole() {
			t.Errorf("%s: %v, whole %v; want %s", name, form.Err(), form.Whole(), test.class)
		}
	}
}
