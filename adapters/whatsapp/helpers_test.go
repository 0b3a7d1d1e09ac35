package whatsapp_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func request(body []byte) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/webhooks/wa", bytes.NewReader(body))
}

// inbox keeps what it is given; refuse may turn something away.
type inbox struct {
	mu     sync.Mutex
	got    []core.Envelope
	refuse func(core.Envelope) error
	bell   chan struct{}
}

func newInbox() *inbox { return &inbox{bell: make(chan struct{}, 1)} }

// Accept implements adapters.Inbox.
func (in *inbox) Accept(_ context.Context, e core.Envelope) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.refuse != nil {
		if err := in.refuse(e); err != nil {
			return err
		}
	}
	in.got = append(in.got, e)
	select {
	case in.bell <- struct{}{}:
	default:
	}
	return nil
}

func (in *inbox) all() []core.Envelope {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]core.Envelope(nil), in.got...)
}

// observer keeps events.
type observer struct {
	mu  sync.Mutex
	got []core.Event
}

// Observe implements core.Observer.
func (o *observer) Observe(e core.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, e)
}

func (o *observer) stages(s core.Stage) (out []core.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.got {
		if e.Stage == s {
			out = append(out, e)
		}
	}
	return out
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// text is a final reply of some words.
func text(id core.ReplyID, to core.Conversation, words string) core.Reply {
	return core.Reply{ID: id, Final: true, To: to, Trace: "trace", Parts: []core.Part{core.Text{Text: words}}}
}
