package openaichat_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
)

func startHandler(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func newClientOf(t *testing.T, w *modeltest.Worker) *openaichat.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return newClient(t, openaichat.Options{Base: w.Base(), HTTP: &http.Client{Transport: transport}})
}

// recording gives bytes, and counts how often it was opened and closed.
type recording struct {
	r              func() io.Reader
	opened, closed int
}

func (r *recording) open() (io.ReadCloser, error) {
	r.opened++
	return &closer{r.r(), r}, nil
}

type closer struct {
	io.Reader
	of *recording
}

func (c *closer) Close() error { c.of.closed++; return nil }

func audio(text string) *recording {
	return &recording{r: func() io.Reader { return strings.NewReader(text) }}
}

func TestTranscribe(t *testing.T) {
	const size = 3 << 20 // more than any buffer on the way
	rec := audio(strings.Repeat("x", size))
	s := startHandler(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/audio/transcriptions" || r.Header.Get("Authorization") != "Bearer sk-1" || r.ContentLength < size {
			t.Errorf("%s, %s, %d bytes", r.URL.Path, r.Header.Get("Authorization"), r.ContentLength)
		}
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = r.MultipartForm.RemoveAll() }()
		file := r.MultipartForm.File["file"][0]
		if got := fmt.Sprint(file.Filename, " ", file.Size, " ", r.FormValue("model"), " ", r.FormValue("language"), " ", r.FormValue("response_format")); got != "recording.ogg 3145728 whisper de verbose_json" {
			t.Error(got)
		}
		_, _ = rw.Write([]byte(`{"task":"transcribe","language":"de","duration":"12.5","text":" Guten Tag. ","segments":[]}`))
	})
	c := newClient(t, openaichat.Options{Base: s.URL, HTTP: s.Client(), Key: secret.New("sk-1"), Worker: "w1"})
	got, err := c.Transcribe(t.Context(), models.TranscribeRequest{Model: "whisper", Audio: rec.open, Size: size, Name: `my "private" note.OGG`, Language: "de"})
	if want := (models.Transcript{Text: "Guten Tag.", Language: "de", Seconds: 12.5, Model: "whisper", Worker: "w1"}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if rec.opened != 1 || rec.closed != 1 {
		t.Errorf("opened %d times, closed %d times", rec.opened, rec.closed)
	}
}

func TestTranscriptForms(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       models.Transcript
		class      fault.Class
	}{
		{"short", `{"text":"hi"}`, models.Transcript{Text: "hi"}, 0},
		{"silence", `{"text":""}`, models.Transcript{}, 0},
		{"usage in seconds", `{"text":"hi","usage":{"type":"duration","seconds":3}}`, models.Transcript{Text: "hi", Seconds: 3}, 0},
		{"verbose", `{"text":"hi","language":"english","duration":3.25}`, models.Transcript{Text: "hi", Language: "english", Seconds: 3.25}, 0},
		{"nonsense", `{"text":"hi","language":7,"duration":-1}`, models.Transcript{Text: "hi"}, 0},
		{"no number", `{"text":"hi","duration":"NaN"}`, models.Transcript{Text: "hi"}, 0},
		{"no text", `{"duration":3}`, models.Transcript{}, fault.Retryable},
		{"page", `<html>`, models.Transcript{}, fault.Retryable},
		{"error", `{"error":{"message":"bad audio","code":400}}`, models.Transcript{}, fault.Permanent},
	} {
		got, err := cannedText(test.body).client(t).Transcribe(t.Context(), models.TranscribeRequest{Audio: audio("abc").open, Size: 3})
		if test.class == 0 {
			test.want.Worker = "w1"
		}
		if got != test.want || fault.ClassOf(err) != test.class {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}

// TestTranscribeWithoutVerbose: a server that refuses the long form is asked for the
// short one, and from then on only for that.
func TestTranscribeWithoutVerbose(t *testing.T) {
	var formats []string
	s := startHandler(t, func(rw http.ResponseWriter, r *http.Request) {
		format := r.FormValue("response_format")
		formats = append(formats, format)
		if format != "json" {
			rw.WriteHeader(http.StatusBadRequest)
			_, _ = rw.Write([]byte(`{"error":{"message":"Currently only support response_format ` + "`text` or `json`" + `","code":400}}`))
			return
		}
		_, _ = rw.Write([]byte(`{"text":"hi"}`))
	})
	c := newClient(t, openaichat.Options{Base: s.URL, HTTP: s.Client()})
	rec := audio("abc")
	for range 2 {
		if got, err := c.Transcribe(t.Context(), models.TranscribeRequest{Model: "m", Audio: rec.open, Size: 3}); err != nil || got.Text != "hi" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if got := strings.Join(formats, " "); got != "verbose_json json json" || rec.opened != 3 || rec.closed != 3 {
		t.Errorf("asked for %s; opened %d times, closed %d times", got, rec.opened, rec.closed)
	}
}

func TestBadRecordings(t *testing.T) {
	cannot := errors.New("no such file")
	for _, test := range []struct {
		name  string
		audio func() (io.ReadCloser, error)
		size  int64
		asks  bool
	}{
		{"none", nil, 3, false},
		{"empty", audio("").open, 0, false},
		{"too long", audio("abc").open, 26 << 20, false},
		{"cannot be opened", func() (io.ReadCloser, error) { return nil, cannot }, 3, false},
		{"cannot be read", (&recording{r: func() io.Reader { return iotest.ErrReader(cannot) }}).open, 3, true},
		{"shorter than it says", audio("ab").open, 3, true},
		{"longer than it says", audio("abcd").open, 3, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := startHandler(t, func(rw http.ResponseWriter, r *http.Request) {
				if !test.asks {
					t.Error("the worker was asked")
				}
				if _, err := io.ReadAll(r.Body); err == nil {
					t.Error("the worker got a whole request")
				}
			})
			c := newClient(t, openaichat.Options{Base: s.URL, HTTP: s.Client()})
			_, err := c.Transcribe(t.Context(), models.TranscribeRequest{Audio: test.audio, Size: test.size})
			if fault.ClassOf(err) != fault.Permanent || models.Blame(err) != models.BlameRequest {
				t.Errorf("class %v, to blame %v: %v", fault.ClassOf(err), models.Blame(err), err)
			}
		})
	}
}

func TestTranscribeRefused(t *testing.T) {
	for status, class := range map[int]fault.Class{
		401: fault.NeedsHuman, 404: fault.NeedsHuman, 413: fault.Permanent, 429: fault.RateLimited, 500: fault.Retryable, 501: fault.Permanent,
	} {
		c := cannedText("no")
		c.status = status
		_, err := c.client(t).Transcribe(t.Context(), models.TranscribeRequest{Audio: audio("abc").open, Size: 3})
		if fault.ClassOf(err) != class || c.calls != 1 {
			t.Errorf("%d: %d calls, %v", status, c.calls, err)
		}
	}
}
