package adaptertest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parley-hub/parley/adapters"
)

// webhook: only the platform is believed, and only what is stored is acknowledged.
func webhook(t *testing.T, h Harness) {
	valid := func(b *bench) []byte { return b.hooks(t).Body(b.Chat(0).Chat, "hello") }
	for _, test := range []struct {
		name   string
		forged bool
		body   func(b *bench) []byte
		want   func(status int) bool
		stored int
	}{
		{"stored", false, valid, between(200, 299), 1},
		{"forged", true, valid, between(401, 401), 0},
		{"forged and broken", true, func(*bench) []byte { return []byte("{") }, between(401, 401), 0},
		{"broken", false, func(*bench) []byte { return []byte(`{"a":`) }, between(400, 499), 0},
		{"empty", false, func(*bench) []byte { return nil }, between(400, 499), 0},
		{"nested", false, func(*bench) []byte { return bytes.Repeat([]byte(`{"a":`), deep) }, between(400, 499), 0},
		{"oversized", false, func(*bench) []byte { return bytes.Repeat([]byte(" "), tooLong) }, between(400, 499), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, h)
			in := newInbox(0)
			handler := b.handler(t, in)
			request := b.hooks(t).Request
			if test.forged {
				request = b.hooks(t).Forge
			}
			if status := call(handler, request(test.body(b))); !test.want(status) {
				t.Errorf("status %d", status)
			}
			if n := in.count(); n != test.stored {
				t.Errorf("%d envelopes stored, want %d", n, test.stored)
			}
		})
	}
	t.Run("endless", func(t *testing.T) { endless(t, newBench(t, h)) })
	t.Run("replayed", func(t *testing.T) {
		b := newBench(t, h)
		in := newInbox(0)
		handler, body := b.handler(t, in), valid(b)
		for range 2 {
			if status := call(handler, b.hooks(t).Request(body)); !between(200, 299)(status) {
				t.Errorf("status %d", status)
			}
		}
		if n := in.count(); n != 1 {
			t.Errorf("one message that was delivered twice is %d", n)
		}
	})
	t.Run("not UTF-8", func(t *testing.T) { brokenLetters(t, newBench(t, h)) })
	t.Run("not stored", func(t *testing.T) {
		b := newBench(t, h)
		in := newInbox(1)
		handler := b.handler(t, in)
		body := b.hooks(t).Body(b.Chat(0).Chat, "hello")
		for range 100 {
			status := call(handler, b.hooks(t).Request(body))
			ok, stored := status >= 200 && status < 300, in.count() == 1
			if ok != stored {
				t.Fatalf("status %d, stored %v", status, stored)
			}
			if !ok && status < 500 {
				t.Errorf("status %d for what the platform is to deliver again", status)
			}
			if stored {
				return
			}
		}
		t.Error("never stored")
	})
}

// deep is a nesting that no reader follows to its end.
const deep = 100_000

// endless: a call that never ends is read up to a bound and no further.
func endless(t *testing.T, b *bench) {
	in := newInbox(0)
	r := b.hooks(t).Forge([]byte("{}"))
	body := &counting{}
	r.Body, r.ContentLength = io.NopCloser(body), -1
	if status := call(b.handler(t, in), r); !between(400, 499)(status) {
		t.Errorf("status %d", status)
	}
	if body.read > tooLong || in.count() != 0 {
		t.Errorf("%d bytes were read, %d envelopes stored", body.read, in.count())
	}
}

// counting gives a hundred megabytes of blanks.
type counting struct{ read int }

// Read implements io.Reader.
func (c *counting) Read(p []byte) (int, error) {
	if c.read >= 100<<20 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	c.read += len(p)
	return len(p), nil
}

// brokenLetters: bytes that are no letters do not get past the adapter, and the message
// around them does.
func brokenLetters(t *testing.T, b *bench) {
	in := newInbox(0)
	chat := b.Chat(0).Chat
	body := bytes.Replace(b.hooks(t).Body(chat, "hello"), []byte("hello"), []byte("he\xff\xc3lo"), 1)
	if status := call(b.handler(t, in), b.hooks(t).Request(body)); !between(200, 299)(status) {
		t.Fatalf("status %d", status)
	}
	if texts := in.texts(chat); len(texts) != 1 || !utf8.ValidString(texts[0]) || !strings.HasPrefix(texts[0], "he") || !strings.HasSuffix(texts[0], "lo") {
		t.Errorf("stored %q", texts)
	}
}

func (b *bench) handler(t *testing.T, in adapters.Inbox) http.Handler {
	t.Helper()
	hooked, ok := b.adapter.(adapters.Webhooker)
	if !ok {
		t.Fatal("the harness says webhook, the adapter is no Webhooker")
	}
	return hooked.Webhook(in)
}

func between(low, high int) func(int) bool {
	return func(status int) bool { return low <= status && status <= high }
}

func call(h http.Handler, r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
