package telegram_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/telegram"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/logtest"
	"github.com/parley-hub/parley/core/secret"
)

const (
	token    = "42:AAtoken-that-nobody-may-read_0123"
	patience = 10 * time.Second
)

// call is one request the server got.
type call struct {
	method string
	form   map[string]string
}

// server speaks just enough of the Bot API to put an adapter into corners.
type server struct {
	t    *testing.T
	http *httptest.Server

	mu      sync.Mutex
	calls   []call
	answers map[string][]http.HandlerFunc
	bell    chan struct{}
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, answers: map[string][]http.HandlerFunc{}, bell: make(chan struct{}, 1)}
	s.http = httptest.NewServer(s)
	t.Cleanup(s.http.Close)
	s.on("getMe", result(`{"id":42,"is_bot":true,"first_name":"Parley","username":"parley_bot"}`))
	s.on("getWebhookInfo", result(`{"url":""}`))
	s.on("getUpdates", hang)
	return s
}

// on sets the answers to a method; the last one is given again and again.
func (s *server) on(method string, answers ...http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[strings.ToLower(method)] = answers
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/bot"+token+"/")
	if !ok {
		rest, ok = strings.CutPrefix(r.URL.Path, "/file/bot"+token+"/")
		rest = "file " + rest
	}
	if !ok {
		refuse(http.StatusNotFound, "Not Found")(w, r)
		return
	}
	if err := r.ParseForm(); err != nil {
		s.t.Errorf("form: %v", err)
	}
	form := map[string]string{}
	for k := range r.PostForm {
		form[k] = r.PostForm.Get(k)
	}
	s.mu.Lock()
	s.calls = append(s.calls, call{rest, form})
	queue := s.answers[strings.ToLower(rest)]
	if len(queue) > 1 {
		s.answers[strings.ToLower(rest)] = queue[1:]
	}
	s.mu.Unlock()
	select {
	case s.bell <- struct{}{}:
	default:
	}
	if len(queue) == 0 {
		refuse(http.StatusNotFound, "Not Found: method not found")(w, r)
		return
	}
	queue[0](w, r)
}

// of gives the calls of a method so far.
func (s *server) of(method string) []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []call
	for _, c := range s.calls {
		if c.method == method {
			out = append(out, c)
		}
	}
	return out
}

// await waits for the n-th call of a method.
func (s *server) await(method string, n int) call {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		if calls := s.of(method); len(calls) >= n {
			return calls[n-1]
		}
		select {
		case <-s.bell:
		case <-deadline:
			s.t.Fatalf("%s was called %d times, want %d", method, len(s.of(method)), n)
		}
	}
}

func result(data string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"ok":true,"result":%s}`, data)
	}
}

func refuse(code int, description string, parameters ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		p := "{}"
		if len(parameters) > 0 {
			p = parameters[0]
		}
		text, _ := json.Marshal(description)
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"ok":false,"error_code":%d,"description":%s,"parameters":%s}`, code, text, p)
	}
}

func page(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(code)
		_, _ = fmt.Fprint(w, "<html>gateway</html>")
	}
}

// hang answers when the caller gives up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// drop ends the connection without an answer.
func drop(_ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

// adapter makes an adapter of this server; its log must never hold the token.
func (s *server) adapter(change ...func(*adapters.Settings, *telegram.Config)) *telegram.Adapter {
	s.t.Helper()
	return newAdapter(s.t, s.http.URL, change...)
}

func newAdapter(t *testing.T, url string, change ...func(*adapters.Settings, *telegram.Config)) *telegram.Adapter {
	t.Helper()
	c, ok := telegram.Factory().Defaults().(*telegram.Config)
	if !ok {
		t.Fatal("defaults are of another type")
	}
	c.Token, c.APIURL = secret.New(token), url
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	log := &logtest.Log{}
	t.Cleanup(func() {
		if strings.Contains(log.String(), token) {
			t.Error("the log holds the token")
		}
	})
	settings := adapters.Settings{Account: "tg", Config: c, Client: client, Log: zerolog.New(log)}
	for _, f := range change {
		f(&settings, c)
	}
	a, err := telegram.Factory().New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return a.(*telegram.Adapter)
}

// inbox keeps what it is given; refuse may turn something away.
type inbox struct {
	mu     sync.Mutex
	got    []core.Envelope
	refuse func(core.Envelope) error
	bell   chan struct{}
}

func newInbox() *inbox { return &inbox{bell: make(chan struct{}, 1)} }

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

func (in *inbox) texts() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []string
	for _, e := range in.got {
		out = append(out, e.Text())
	}
	return out
}

// run starts the adapter; stop ends it and gives what Run returned.
func run(t *testing.T, a adapters.Adapter, in adapters.Inbox) (stop func() error, ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	out := make(chan error, 1)
	go func() {
		err := a.Run(ctx, in)
		done <- err
		out <- err
	}()
	once := sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			t.Error("Run does not end")
			return nil
		}
	})
	t.Cleanup(func() { _ = once() })
	return once, out
}

func privateUpdate(id, chat int, text string) string {
	return fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%d,"date":1700000000,"chat":{"id":%d,"type":"private"},"from":{"id":%d,"first_name":"A"},"text":%q}}`,
		id, id, chat, chat, text)
}

func batch(updates ...string) http.HandlerFunc { return result("[" + strings.Join(updates, ",") + "]") }

var private = core.Conversation{Account: "tg", Place: core.Private, Chat: "7"}

func words(text string) []core.Part { return []core.Part{core.Text{Text: text, Format: core.Markdown}} }
