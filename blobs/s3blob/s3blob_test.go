package s3blob_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/blobs/blobtest"
	"github.com/parley-hub/parley/blobs/s3blob"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secretKey = "secret-key-that-nobody-may-read"

// server is an object store with one bucket, and what it is reached with.
func server(t *testing.T, middle func(http.Handler) http.Handler) s3blob.Options {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("files"); err != nil {
		t.Fatal(err)
	}
	handler := gofakes3.New(backend).Server()
	if middle != nil {
		handler = middle(handler)
	}
	web := httptest.NewServer(handler)
	transport := &http.Transport{}
	t.Cleanup(web.Close)
	t.Cleanup(transport.CloseIdleConnections)
	return s3blob.Options{
		Endpoint: web.URL, Bucket: "files", Prefix: "parley/", AccessKey: "key", SecretKey: secret.New(secretKey), Transport: transport,
	}
}

func open(t *testing.T, o s3blob.Options) *s3blob.Store {
	t.Helper()
	s, err := s3blob.New(o)
	if err == nil {
		err = s.Check(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobs.Store { return open(t, server(t, nil)) })
}

// Two hubs may share a bucket: each sweeps what is its own.
func TestPrefixesAreApart(t *testing.T) {
	o := server(t, nil)
	mine := open(t, o)
	o.Prefix = "other/"
	other := open(t, o)
	ref := core.NewBlobRef("file")
	for _, s := range []*s3blob.Store{mine, other} {
		if _, err := s.Put(t.Context(), ref, strings.NewReader("bytes"), 5); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := mine.Sweep(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("%d swept, %v", n, err)
	}
	if _, err := other.Stat(t.Context(), ref); err != nil {
		t.Errorf("the neighbour's file is gone: %v", err)
	}
}

func TestCheckRefuses(t *testing.T) {
	answer := func(status int) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		}
	}
	for name, test := range map[string]struct {
		change func(*s3blob.Options)
		middle func(http.Handler) http.Handler
		class  fault.Class
	}{
		"no such bucket":   {func(o *s3blob.Options) { o.Bucket = "none" }, nil, fault.NeedsHuman},
		"no address":       {func(o *s3blob.Options) { o.Endpoint = "s3.example.org" }, nil, fault.NeedsHuman},
		"a path":           {func(o *s3blob.Options) { o.Endpoint += "/files" }, nil, fault.NeedsHuman},
		"wrong key":        {nil, answer(http.StatusForbidden), fault.NeedsHuman},
		"unreachable":      {func(o *s3blob.Options) { o.Endpoint = "http://127.0.0.1:1" }, nil, fault.Retryable},
		"no bucket's name": {func(o *s3blob.Options) { o.Bucket = "" }, nil, fault.NeedsHuman},
	} {
		t.Run(name, func(t *testing.T) {
			o := server(t, test.middle)
			if test.change != nil {
				test.change(&o)
			}
			s, err := s3blob.New(o)
			if err == nil {
				err = s.Check(t.Context())
			}
			if fault.ClassOf(err) != test.class {
				t.Errorf("class %v, want %v: %v", fault.ClassOf(err), test.class, err)
			}
			if err != nil && strings.Contains(err.Error(), secretKey) {
				t.Error("the error holds the secret key")
			}
		})
	}
}

// A read that breaks off is an error, never a shorter file.
func TestBrokenRead(t *testing.T) {
	broken := false
	s := open(t, server(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !broken || r.Method != http.MethodGet {
				next.ServeHTTP(w, r)
				return
			}
			recorder := httptest.NewRecorder()
			next.ServeHTTP(recorder, r)
			for key, values := range recorder.Header() {
				w.Header()[key] = values
			}
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(recorder.Body.Bytes()[:1000])
			panic(http.ErrAbortHandler)
		})
	}))
	ref := core.NewBlobRef("file")
	if _, err := s.Put(t.Context(), ref, strings.NewReader(strings.Repeat("x", 100_000)), 100_000); err != nil {
		t.Fatal(err)
	}
	broken = true
	r, _, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err == nil || fault.ClassOf(err) != fault.Retryable {
		t.Errorf("%d bytes and %v; want a retryable fault", len(got), err)
	}
	_ = r.Close()
}
