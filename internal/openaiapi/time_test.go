package openaiapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/openaiapi"
	"github.com/parley-hub/parley/models"
)

// one is a listener of one connection.
type one struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *one) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *one) Close() error   { close(l.closed); return nil }
func (l *one) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// piped connects to an API in memory, inside a bubble whose clock stands still while
// anybody works. Beside it the same server serves "/" without bounds on time.
func piped(t *testing.T, client models.Client) net.Conn {
	t.Helper()
	api := openaiapi.New(openaiapi.Options{
		Registry: models.NewRegistry("chat", map[string]models.Client{"chat": client}),
		Keys:     []openaiapi.Key{{Name: "ci", Secret: secret.New(keyCI)}},
	})
	mux := http.NewServeMux()
	mux.Handle("/v1/", api)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "elsewhere") })
	server, done := &http.Server{Handler: mux}, make(chan struct{})
	l := &one{make(chan net.Conn, 1), make(chan struct{})}
	go func() { defer close(done); _ = server.Serve(l) }()
	near, far := net.Pipe()
	l.conn <- far
	t.Cleanup(func() {
		_ = near.Close()
		_ = server.Close()
		<-done
		synctest.Wait()
	})
	return near
}

func request(body string, announced int) string {
	return fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", keyCI, announced, body)
}

const streamed = `{"stream":true,"messages":[{"role":"user","content":"hi"}]}`

// slow says a word, thinks for ten minutes, says another; it tells why it ended early.
type slow struct{ ended chan error }

func (s slow) Chat(ctx context.Context, _ models.Request) iter.Seq2[models.Delta, error] {
	return func(yield func(models.Delta, error) bool) {
		if !yield(models.Delta{Text: "one "}, nil) {
			s.ended <- errors.New("the loop was left")
			return
		}
		select {
		case <-time.After(10 * time.Minute):
			yield(models.Delta{Text: "two", Finish: models.FinishStop}, nil)
			s.ended <- nil
		case <-ctx.Done():
			s.ended <- context.Cause(ctx)
		}
	}
}

// TestLongAnswer outlives the bounds on reading a body and on one write, and so does
// the connection.
func TestLongAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slow{make(chan error, 1)}
		conn := piped(t, s)
		in := bufio.NewReader(conn)
		if _, err := io.WriteString(conn, request(streamed, len(streamed))); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil || !strings.HasSuffix(string(text), "data: [DONE]\n\n") {
			t.Errorf("%s, %v", text, err)
		}
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if resp, err = http.ReadResponse(in, nil); err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "elsewhere" {
			t.Errorf("%s, %v", text, err)
		}
	})
}

// TestCallerThatDoesNotRead gives the worker back.
func TestCallerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slow{make(chan error, 1)}
		conn := piped(t, s)
		began := time.Now()
		if _, err := io.WriteString(conn, request(streamed, len(streamed))); err != nil {
			t.Fatal(err)
		}
		if err := <-s.ended; err == nil {
			t.Error("the answer went on")
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("it held the worker for %v", took)
		}
	})
}

func TestCallerThatSendsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := piped(t, slow{make(chan error, 1)})
		began := time.Now()
		if _, err := io.WriteString(conn, request(streamed, len(streamed)+1)); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if took := time.Since(began); resp.StatusCode != http.StatusRequestTimeout || !resp.Close || took != time.Minute {
			t.Errorf("%d after %v", resp.StatusCode, took)
		}
	})
}
