package openaiapi_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/openaiapi"
	"github.com/parley-hub/parley/models"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// varying is what differs from answer to answer.
var varying = regexp.MustCompile(`[0-9a-f]{32}|"created":\d+`)

// TestGolden holds the shape of every answer.
func TestGolden(t *testing.T) {
	h := start(t, map[string]models.Client{"chat": says("Hi \"you\"\n\u00fc"), "tools": twoCalls(), "all": &vectors{}})
	for name, c := range map[string]struct{ method, path, body string }{
		"plain":      {"POST", "/chat/completions", hi},
		"stream":     {"POST", "/chat/completions", `{"stream":true,` + hi[1:]},
		"usage":      {"POST", "/chat/completions", `{"stream":true,"stream_options":{"include_usage":true},` + hi[1:]},
		"calls":      {"POST", "/chat/completions", `{"model":"tools","messages":[{"role":"user","content":"hi"}]}`},
		"callstream": {"POST", "/chat/completions", `{"model":"tools","stream":true,"messages":[{"role":"user","content":"hi"}]}`},
		"badfield":   {"POST", "/chat/completions", `{"messages":[{"role":"user","content":[{"type":"text","text":1}]}]}`},
		"nomodel":    {"POST", "/chat/completions", `{"model":"gpt","messages":[{"role":"user","content":"hi"}]}`},
		"nowhere":    {"POST", "/completions", `{}`},
		"method":     {"GET", "/chat/completions", ""},
		"models":     {"GET", "/models", ""},
		"model":      {"GET", "/models/chat", ""},
		"vectors":    {"POST", "/embeddings", `{"model":"all","input":"a"}`},
		"packed":     {"POST", "/embeddings", `{"model":"all","input":["a","b"],"encoding_format":"base64"}`},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := h.do(t, c.method, c.path, keyCI, c.body)
			got := fmt.Sprintf("%d %s\n", resp.StatusCode, resp.Header.Get("Content-Type"))
			for _, k := range []string{"X-Model-Id", "X-Model-Version", "X-Model-Name", "Allow"} {
				if v := resp.Header.Get(k) + resp.Trailer.Get(k); v != "" {
					got += k + ": " + v + "\n"
				}
			}
			got += "\n" + varying.ReplaceAllString(body, "*")
			path := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	h := start(t, map[string]models.Client{"chat": says("x")}, func(o *openaiapi.Options) {
		o.Keys = append(o.Keys, openaiapi.Key{Name: "empty"})
	})
	for given, want := range map[string]int{
		"Bearer " + keyCI: 200, "bearer  " + keyCI: 200, "Bearer " + keyApp: 200,
		"": 401, "Bearer": 401, "Bearer ": 401, "Bearer " + keyCI + "x": 401, "Bearer " + keyCI[1:]: 401, "Basic " + keyCI: 401, keyCI: 401,
	} {
		resp, body := h.do(t, http.MethodGet, "/models", "", "", header("Authorization", given))
		if resp.StatusCode != want || want == 401 && !strings.Contains(body, `"type":"invalid_request_error","param":null,"code":"invalid_api_key"`) {
			t.Errorf("%q: %d %s", given, resp.StatusCode, body)
		}
	}
	if log := h.log.String(); strings.Contains(log, keyCI) || strings.Contains(log, keyApp) {
		t.Error("the log holds a key")
	}
}

// raw sends a head by itself and gives the answer, without waiting for a body to be taken.
func (h *hub) raw(t *testing.T, head string) *http.Response {
	t.Helper()
	u, err := url.Parse(h.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: hub\r\n"+head+"\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// TestNothingIsReadTooEarly announces bodies and sends none of them.
func TestNothingIsReadTooEarly(t *testing.T) {
	h := start(t, map[string]models.Client{"chat": says("x")}, func(o *openaiapi.Options) { o.MaxBody = 1000 })
	if resp := h.raw(t, "Authorization: Bearer wrong\r\nContent-Length: 500\r\nExpect: 100-continue\r\n"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", resp.StatusCode)
	}
	if resp := h.raw(t, "Authorization: Bearer wrong\r\nContent-Length: 100000000\r\n"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", resp.StatusCode)
	}
	resp := h.raw(t, "Authorization: Bearer "+keyCI+"\r\nContent-Length: 100000000\r\n")
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
		t.Errorf("status %d, close %t", resp.StatusCode, resp.Close)
	}
}

func TestBodyLimit(t *testing.T) {
	h := start(t, map[string]models.Client{"chat": says("x")}, func(o *openaiapi.Options) { o.MaxBody = 1000 })
	fits := hi + strings.Repeat(" ", 1000-len(hi))
	for _, chunked := range []bool{false, true} {
		hide := func(r *http.Request) {
			if chunked {
				r.ContentLength = -1
			}
		}
		if resp, body := h.chat(t, fits, hide); resp.StatusCode != http.StatusOK {
			t.Errorf("chunked %t: %d %s", chunked, resp.StatusCode, body)
		}
		if resp, body := h.chat(t, fits+" ", hide); resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, "request_too_large") {
			t.Errorf("chunked %t: %d %s", chunked, resp.StatusCode, body)
		}
	}
	if resp, _ := h.chat(t, hi, header("Content-Encoding", "gzip")); resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("compressed: %d", resp.StatusCode)
	}
}

func TestModelIsChosen(t *testing.T) {
	h := start(t, map[string]models.Client{"chat": says("of chat"), "fast": says("of fast")})
	for _, c := range []struct {
		name, key, header, model string
		status                   int
		want                     string
	}{
		{"the body's", keyCI, "", "fast", 200, "of fast"},
		{"the header goes first", keyCI, "fast", "chat", 200, "of fast"},
		{"none is the default", keyCI, "", "", 200, "of chat"},
		{"unknown in the header", keyCI, "big", "chat", 404, "There is no model 'big'. There are: chat, fast."},
		{"unknown in the body", keyCI, "", strings.Repeat("ä", 100), 404, "There is no model '" + strings.Repeat("ä", 32) + "...'"},
		{"not for this key", keyApp, "fast", "chat", 404, "There is no model 'fast'. There are: chat."},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"hi"}]}`, c.model)
			resp, text := h.do(t, http.MethodPost, "/chat/completions", c.key, body, func(r *http.Request) {
				if c.header != "" {
					r.Header.Set("X-Model-ID", c.header)
				}
			})
			if resp.StatusCode != c.status || !strings.Contains(text, c.want) {
				t.Errorf("%d %s", resp.StatusCode, text)
			}
		})
	}
	none := start(t, nil)
	if resp, text := none.chat(t, hi); resp.StatusCode != http.StatusNotFound || !strings.Contains(text, "no model worker is connected") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}

// TestResetBeforeAndAfter: what was sent cannot be taken back, what was not can.
func TestResetBeforeAndAfter(t *testing.T) {
	p := &played{deltas: []models.Delta{{Text: "wro"}, {Reset: true}, {Text: "right"}, {Finish: models.FinishStop}}}
	h := start(t, map[string]models.Client{"chat": p})
	if _, text := h.chat(t, hi); !strings.Contains(text, `"content":"right"`) {
		t.Errorf("%s", text)
	}
	if p.asked().Shown() {
		t.Error("a plain answer is not shown before it is whole")
	}
	if _, text := h.chat(t, `{"stream":true,`+hi[1:]); strings.Contains(text, "right") || strings.Contains(text, "[DONE]") || !strings.Contains(text, `"error"`) {
		t.Errorf("%s", text)
	}
	if !p.asked().Shown() {
		t.Error("a streamed word is shown")
	}
}

// TestFaults: a fault's class is its status, and what it says of the inside stays inside.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		after  string
		want   string
	}{
		"limited":   {fault.New(fault.RateLimited, "x", nil, fault.WithWait(1500*time.Millisecond)), 429, "2", `"type":"rate_limit_error"`},
		"human":     {fault.New(fault.NeedsHuman, "secret address", nil), 503, "30", `"message":"The model is not available. (request `},
		"retryable": {fault.New(fault.Retryable, "x", nil, fault.WithPublic("Slow today.")), 503, "2", `"message":"Slow today. (request `},
		"permanent": {fault.New(fault.Permanent, "x", nil), 400, "", `"type":"invalid_request_error"`},
		"too long":  {fault.New(fault.Permanent, "x", models.ErrOverflow), 400, "", `"param":"messages","code":"context_length_exceeded"`},
		"bug":       {fault.New(fault.Bug, "secret address", nil), 500, "", `"type":"server_error"`},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, map[string]models.Client{"chat": &played{err: c.err}})
			resp, text := h.chat(t, hi)
			if resp.StatusCode != c.status || resp.Header.Get("Retry-After") != c.after || !strings.Contains(text, c.want) || strings.Contains(text, "secret") {
				t.Errorf("%d %v %s", resp.StatusCode, resp.Header, text)
			}
			if !json.Valid([]byte(text)) {
				t.Errorf("not JSON: %s", text)
			}
			if e := h.end(t); fault.ClassOf(e.Err) != fault.ClassOf(c.err) || string(e.Trace) != resp.Header.Get("X-Request-Id") {
				t.Errorf("event %+v", e)
			}
			if !strings.Contains(h.log.String(), resp.Header.Get("X-Request-Id")) {
				t.Error("the log does not know the request")
			}
		})
	}
}

// form makes a form of fields, and of a file unless its name is empty.
func form(t *testing.T, file, recording string, fields map[string]string) (body, contentType string) {
	t.Helper()
	var b strings.Builder
	w := multipart.NewWriter(&b)
	if file != "" {
		part, err := w.CreateFormFile("file", file)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(part, recording)
	}
	for k, v := range fields {
		_ = w.WriteField(k, v)
	}
	_ = w.Close()
	return b.String(), w.FormDataContentType()
}

func TestTranscriptionProblems(t *testing.T) {
	var dir string
	h := start(t, map[string]models.Client{"chat": &vectors{}}, func(o *openaiapi.Options) { dir, o.MaxBody = o.Dir, 10_000 })
	for name, c := range map[string]struct {
		file, recording string
		fields          map[string]string
		status          int
		want            string
	}{
		"fine":         {"a.mp3", "ID3", map[string]string{"language": "EN", "temperature": "0", "unknown": "x"}, 200, `{"text":`},
		"no file":      {"", "", nil, 400, `"param":"file"`},
		"empty file":   {"a.mp3", "", nil, 400, `'file' is empty`},
		"odd file":     {"a.exe", "MZ", nil, 400, `.webm`},
		"language":     {"a.mp3", "ID3", map[string]string{"language": "english"}, 400, `"param":"language"`},
		"format":       {"a.mp3", "ID3", map[string]string{"response_format": "srt"}, 400, `"param":"response_format"`},
		"stream":       {"a.mp3", "ID3", map[string]string{"stream": "true"}, 400, `"param":"stream"`},
		"prompt":       {"a.mp3", "ID3", map[string]string{"prompt": "names"}, 400, `"param":"prompt"`},
		"temperature":  {"a.mp3", "ID3", map[string]string{"temperature": "1"}, 400, `"param":"temperature"`},
		"no model":     {"a.mp3", "ID3", map[string]string{"model": "whisper-1"}, 404, `There are: chat.`},
		"field's size": {"a.mp3", "ID3", map[string]string{"language": strings.Repeat("x", 70_000)}, 413, `request_too_large`},
		"too large":    {"a.mp3", strings.Repeat("x", 20_000), nil, 413, `request_too_large`},
	} {
		t.Run(name, func(t *testing.T) {
			body, kind := form(t, c.file, c.recording, c.fields)
			resp, text := h.do(t, http.MethodPost, "/audio/transcriptions", keyCI, body, header("Content-Type", kind), func(r *http.Request) { r.ContentLength = -1 })
			if resp.StatusCode != c.status || !strings.Contains(text, c.want) {
				t.Errorf("%d %s", resp.StatusCode, text)
			}
		})
	}
	if resp, text := h.do(t, http.MethodPost, "/audio/transcriptions", keyCI, "{}", header("Content-Type", "application/json")); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("no form: %d %s", resp.StatusCode, text)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A key has a pool of its own where the request names none, as far as it may use it.
func TestKeysOwnModel(t *testing.T) {
	pools := map[string]models.Client{"chat": says("from chat"), "fast": says("from fast")}
	registry := &models.Registry{}
	registry.Offer(models.Offer{Default: "chat", Pools: pools, Accounts: map[string]string{"ci": "fast", "app": "fast"}})
	h := start(t, nil, func(o *openaiapi.Options) { o.Registry = registry })
	for name, c := range map[string]struct {
		key, body, want string
	}{
		"its own":      {keyCI, `{"messages":[{"role":"user","content":"hi"}]}`, "from fast"},
		"a named one":  {keyCI, `{"model":"chat","messages":[{"role":"user","content":"hi"}]}`, "from chat"},
		"not for this": {keyApp, `{"messages":[{"role":"user","content":"hi"}]}`, "There are: chat."},
	} {
		if _, body := h.do(t, http.MethodPost, "/chat/completions", c.key, c.body); !strings.Contains(body, c.want) {
			t.Errorf("%s: %s, want %q", name, body, c.want)
		}
	}
	registry.Offer(models.Offer{Default: "chat", Pools: map[string]models.Client{"chat": says("from chat")}, Accounts: map[string]string{"ci": "fast"}})
	if _, body := h.do(t, http.MethodPost, "/chat/completions", keyCI, `{"messages":[{"role":"user","content":"hi"}]}`); !strings.Contains(body, "from chat") {
		t.Errorf("its own is gone: %s", body)
	}
}
