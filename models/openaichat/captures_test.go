package openaichat_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
)

// canned answers every call with the same response.
type canned struct {
	status int
	header http.Header
	body   func() io.Reader
	calls  int
	last   *http.Request
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	c.calls++
	c.last = r
	header := c.header
	if header == nil {
		header = http.Header{"Content-Type": {"text/event-stream"}}
	}
	return &http.Response{StatusCode: max(c.status, http.StatusOK), Header: header, Body: io.NopCloser(c.body()), Request: r}, nil
}

func cannedText(text string) *canned {
	return &canned{body: func() io.Reader { return strings.NewReader(text) }}
}

func (c *canned) http() *http.Client { return &http.Client{Transport: c} }

func (c *canned) client(tb testing.TB) *openaichat.Client {
	tb.Helper()
	return newClient(tb, openaichat.Options{Base: "http://worker.test/v1", Worker: "w1", HTTP: &http.Client{Transport: c}})
}

// capture reads a recorded answer of a real server: head, blank line, body.
func capture(tb testing.TB, name string) *canned {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		tb.Fatal(err)
	}
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		tb.Fatalf("%s has no body", name)
	}
	c := &canned{header: http.Header{}, body: func() io.Reader { return bytes.NewReader(body) }}
	for i, line := range strings.Split(string(head), "\r\n") {
		if i == 0 {
			if c.status, err = strconv.Atoi(strings.Fields(line)[1]); err != nil {
				tb.Fatal(err)
			}
			continue
		}
		key, value, _ := strings.Cut(line, ": ")
		c.header.Add(key, value)
	}
	return c
}

func TestCapturedAnswers(t *testing.T) {
	const (
		stop   = models.FinishStop
		length = models.FinishLength
	)
	for _, test := range []struct {
		name, text, model string
		finish            models.Finish
		usage             *models.Usage
	}{
		{"llamacpp-2025-02.stream_nousage", " more all many fact early back", "tiny", length, &models.Usage{Prompt: 25, Completion: 6}},
		{"llamacpp-2025-02.stream_usage", " man long tomorrow give begin for", "tiny", length, &models.Usage{Prompt: 30, Completion: 6}},
		{"llamacpp-2025-02.plain", " more all many fact early back", "tiny", length, &models.Usage{Prompt: 25, Completion: 6}},
		{"llamacpp-2025-02.err_nomodel", " life of form that then begin", "nope", stop, &models.Usage{Prompt: 21, Completion: 7}},
		{"llamacpp-2025-02.err_toolong", " govern out man early", "tiny", length, &models.Usage{Prompt: 1708, Completion: 4}},
		{"llamacpp-2026-08.stream_nousage", " more all many fact early back", "tiny", length, nil},
		{"llamacpp-2026-08.stream_usage", " man long tomorrow give begin for", "tiny", length, &models.Usage{Prompt: 30, Completion: 6}},
		{"llamacpp-2026-08.plain", " more all many fact early back", "tiny", length, &models.Usage{Prompt: 25, Completion: 6, Cached: 24}},
		{"ollama-0.17.4.stream_nousage", " more between fact or over under", "tiny", length, nil},
		{"ollama-0.17.4.stream_usage", " man change move move one word", "tiny", length, &models.Usage{Prompt: 30, Completion: 6}},
		{"ollama-0.17.4.plain", " more between fact or over under", "tiny", length, &models.Usage{Prompt: 25, Completion: 6}},
		{"ollama-0.17.4.err_toolong", " more much in lead", "tiny", length, &models.Usage{Prompt: 2048, Completion: 4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			whole := capture(t, test.name)
			inBytes := capture(t, test.name)
			body := inBytes.body
			inBytes.body = func() io.Reader { return iotest.OneByteReader(body()) }
			for _, c := range []*canned{whole, inBytes} {
				res := modeltest.Collect(t, t.Context(), c.client(t), modeltest.Ask("hello"))
				if res.Err != nil || res.Text != test.text || res.Last.Finish != test.finish || res.Last.Model != test.model || res.Last.Worker != "w1" {
					t.Errorf("got %q, %+v, %v", res.Text, res.Last, res.Err)
				}
				if got := res.Last.Usage; (got == nil) != (test.usage == nil) || got != nil && *got != *test.usage {
					t.Errorf("usage is %+v, want %+v", got, test.usage)
				}
			}
		})
	}
}

// splits compares an answer in one piece with all its splits in two.
func splits(t *testing.T, name string, c *canned) {
	t.Helper()
	whole, err := io.ReadAll(c.body())
	if err != nil {
		t.Fatal(err)
	}
	client := c.client(t)
	want := modeltest.Collect(t, t.Context(), client, modeltest.Ask("hello"))
	for n := range whole {
		c.body = func() io.Reader { return io.MultiReader(bytes.NewReader(whole[:n]), bytes.NewReader(whole[n:])) }
		got := modeltest.Collect(t, t.Context(), client, modeltest.Ask("hello"))
		if got.Text != want.Text || !reflect.DeepEqual(got.Last, want.Last) || fault.ClassOf(got.Err) != fault.ClassOf(want.Err) {
			t.Fatalf("%s split behind byte %d: %+v, want %+v", name, n, got, want)
		}
	}
}

// TestCapturedStreamsCut cuts the recorded streams behind every byte: a piece is
// an answer only if it holds the finish.
func TestCapturedStreamsCut(t *testing.T) {
	for _, name := range []string{"llamacpp-2025-02.stream_usage", "llamacpp-2026-08.stream_usage", "ollama-0.17.4.stream_usage"} {
		c := capture(t, name)
		whole, err := io.ReadAll(c.body())
		if err != nil {
			t.Fatal(err)
		}
		finishAt := bytes.Index(whole, []byte(`"finish_reason":"length"`))
		behind := finishAt + bytes.IndexByte(whole[finishAt:], '\n')
		client := c.client(t)
		for n := range whole {
			c.body = func() io.Reader {
				return io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(io.ErrUnexpectedEOF))
			}
			res := modeltest.Collect(t, t.Context(), client, modeltest.Ask("hello"))
			if complete := res.Err == nil; complete != (n > behind+1) {
				t.Fatalf("%s cut behind byte %d of %d (finish at %d): complete is %v, %v", name, n, len(whole), finishAt, complete, res.Err)
			}
		}
	}
}

func TestCapturedErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		class  fault.Class
		public bool
	}{
		{"llamacpp-2025-02.err_badjson", fault.Permanent, false},
		{"llamacpp-2025-02.err_nomessages", fault.Permanent, false},
		{"llamacpp-2026-08.err_badjson", fault.Permanent, false},
		{"llamacpp-2026-08.err_nomessages", fault.Permanent, false},
		{"llamacpp-2026-08.err_toolong", fault.Permanent, true},
		{"ollama-0.17.4.err_badjson", fault.Permanent, false},
		{"ollama-0.17.4.err_nomessages", fault.Permanent, false},
		{"ollama-0.17.4.err_nomodel", fault.NeedsHuman, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := modeltest.Collect(t, t.Context(), capture(t, test.name).client(t), modeltest.Ask("hello"))
			if fault.ClassOf(res.Err) != test.class || (fault.Public(res.Err) != "") != test.public {
				t.Errorf("class %v, public %q: %v", fault.ClassOf(res.Err), fault.Public(res.Err), res.Err)
			}
		})
	}
}

func TestCapturedModels(t *testing.T) {
	for name, want := range map[string]string{
		"llamacpp-2025-02.models": "tiny", "llamacpp-2026-08.models": "tiny", "ollama-0.17.4.models": "tiny:latest",
	} {
		c := capture(t, name).client(t)
		ids, err := c.Models(t.Context())
		if err != nil || len(ids) != 1 || ids[0] != want {
			t.Errorf("%s: %v, %v", name, ids, err)
		}
	}
}
