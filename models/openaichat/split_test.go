package openaichat_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
)

// calls are what a recorded answer was an answer to, by the first letters of what it is
// called. Each tells all that came of it.
var calls = map[string]func(t *testing.T, c *openaichat.Client) string{
	"stream_": chatted, "plain": chatted, "err_": chatted,
	"models": func(t *testing.T, c *openaichat.Client) string {
		ids, err := c.Models(t.Context())
		return fmt.Sprint(ids, " ", failure(err))
	},
	"metrics": func(t *testing.T, c *openaichat.Client) string {
		load, err := c.Load(t.Context())
		return fmt.Sprintf("%+v %s", load, failure(err))
	},
	"embeddings": func(t *testing.T, c *openaichat.Client) string {
		vectors, err := c.Embed(t.Context(), models.EmbedRequest{Texts: []string{"a"}})
		return fmt.Sprintf("%+v %s", vectors, failure(err))
	},
	"health": func(t *testing.T, c *openaichat.Client) string { return failure(c.Probe(t.Context())) },
}

func chatted(t *testing.T, c *openaichat.Client) string {
	t.Helper()
	res := modeltest.Collect(t, t.Context(), c, modeltest.Ask("hello"))
	usage := res.Last.Usage
	res.Last.Usage = nil
	return fmt.Sprintf("%q %+v %+v %s", res.Text, res.Last, usage, failure(res.Err))
}

func failure(err error) string {
	if err == nil {
		return "well"
	}
	return fmt.Sprintf("%v, %v, %q: %v", fault.ClassOf(err), models.Blame(err), fault.Public(err), err)
}

// TestCapturesSplit lets every recorded answer come over the wire, head and body, in two
// pieces cut behind every byte, and byte by byte: what the client makes of it must not
// depend on it.
func TestCapturesSplit(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*-*.*.txt"))
	if err != nil || len(files) < 33 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, file := range files {
		base := strings.TrimSuffix(filepath.Base(file), ".txt")
		call := callOf(base[strings.LastIndex(base, ".")+1:])
		if call == nil {
			t.Errorf("%s is a recording of nothing that is known", file)
			continue
		}
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			w := &wire{answer: recorded(t, file), unlisted: strings.HasSuffix(base, "health")}
			client := newClient(t, openaichat.Options{Base: "http://worker.test/v1", Kind: models.KindLlamaCPP, HTTP: &http.Client{
				Transport: &http.Transport{DisableKeepAlives: true, DialContext: w.dial},
			}})
			want := call(t, client)
			if w.unlisted && want != "well" {
				t.Fatal(want)
			}
			for w.cut = 1; w.cut < len(w.answer); w.cut++ {
				if got := call(t, client); got != want {
					t.Fatalf("split behind byte %d: %s\nwant %s", w.cut, got, want)
				}
			}
			w.bytes = true
			if got := call(t, client); got != want {
				t.Fatalf("byte by byte: %s\nwant %s", got, want)
			}
		})
	}
}

func callOf(name string) func(*testing.T, *openaichat.Client) string {
	for prefix, call := range calls {
		if strings.HasPrefix(name, prefix) {
			return call
		}
	}
	return nil
}

// recorded reads a recording as it went over the wire. The chunks of a stream were put
// together when it was made; each of its events is one.
func recorded(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("%s has no body", file)
	}
	if !bytes.Contains(bytes.ToLower(head), []byte("transfer-encoding: chunked")) {
		return raw
	}
	out := append(bytes.Clone(head), "\r\n\r\n"...)
	for event := range bytes.SplitAfterSeq(body, []byte("\n\n")) {
		if len(event) > 0 {
			out = fmt.Appendf(out, "%x\r\n%s\r\n", len(event), event)
		}
	}
	return append(out, "0\r\n\r\n"...)
}

// wire is a network on which everybody gets the same answer, in two pieces or in bytes.
type wire struct {
	answer []byte
	cut    int
	bytes  bool
	// unlisted: whoever asks for the models, as a first probe does, is told that there is
	// no such list.
	unlisted bool
}

func (w *wire) dial(context.Context, string, string) (net.Conn, error) {
	return &wireConn{wire: *w, asked: make(chan struct{})}, nil
}

// wireConn is one connection: the answer comes when the question did.
type wireConn struct {
	wire
	at    int
	once  sync.Once
	asked chan struct{}
}

func (c *wireConn) Write(b []byte) (int, error) {
	c.once.Do(func() {
		if c.unlisted && bytes.HasPrefix(b, []byte("GET /v1/models")) {
			c.answer = []byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
		}
		close(c.asked)
	})
	return len(b), nil
}

func (c *wireConn) Read(b []byte) (int, error) {
	<-c.asked
	end := len(c.answer)
	switch {
	case c.at >= end:
		return 0, io.EOF
	case c.bytes:
		end = c.at + 1
	case c.at < min(c.cut, end):
		end = min(c.cut, end)
	}
	n := copy(b, c.answer[c.at:end])
	c.at += n
	return n, nil
}

func (c *wireConn) Close() error {
	c.once.Do(func() { close(c.asked) })
	return nil
}

func (c *wireConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *wireConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *wireConn) SetDeadline(time.Time) error      { return nil }
func (c *wireConn) SetReadDeadline(time.Time) error  { return nil }
func (c *wireConn) SetWriteDeadline(time.Time) error { return nil }
