package adaptertest

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

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
