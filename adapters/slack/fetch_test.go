package slack_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

func TestFetch(t *testing.T) {
	r := start(t, slack.ModeEvents)
	said := func(u simulator.Upload) core.FileRef {
		t.Helper()
		before := len(r.in.list())
		r.speak(simulator.Utterance{Channel: place, User: ann, Text: "look", Files: []simulator.Upload{u}})
		for _, p := range r.await(before + 1)[before].Parts {
			if m, ok := p.(core.Media); ok {
				return m.File
			}
		}
		t.Fatal("no file")
		return ""
	}
	fetch := func(ref core.FileRef, limit int64) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		f, err := r.adapter.Fetch(ctx, ref, limit)
		if err != nil {
			return "", err
		}
		data, err := io.ReadAll(f)
		return string(data), errors.Join(err, f.Close())
	}
	good := said(simulator.Upload{Name: "a b.txt", MIME: "text/plain", Bytes: []byte("the bytes")})
	if text, err := fetch(good, 100); err != nil || text != "the bytes" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := fetch(good, 3); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("too large: %v", err)
	}
	if _, err := fetch(said(simulator.Upload{Name: "a", Bytes: []byte("more than was said"), Size: 2}), 5); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("larger than announced: %v", err)
	}
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request went inside the network") }))
	defer inside.Close()
	for _, address := range []string{inside.URL + "/x", "http://169.254.169.254/", "https://slack.com.evil.test/", "https://u@files.slack.com/", "http://files.slack.com/", "file:///etc/passwd"} {
		if _, err := fetch(said(simulator.Upload{Name: "a", URL: address}), 100); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, ref := range []core.FileRef{"", "nonsense", "3:abc", "9:F1"} {
		if _, err := fetch(ref, 100); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if _, err := fetch("2:F9", 100); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("no such file: %v", err)
	}
}
