package slack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/simulators/slack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	botToken = "xoxb-test"
	appToken = "xapp-test"
	signing  = "test-signing-secret"
	self     = "U0PARLEY"
	ann      = "U1ANN"
	ben      = "U2BEN"
	general  = "C00001"
	wait     = 30 * time.Second
)

// rig is a server behind a real listener, with two people and a channel.
type rig struct {
	*slack.Server
	t    *testing.T
	url  string
	http *http.Client
}

func start(t *testing.T, opts slack.Options) *rig {
	t.Helper()
	opts.App.BotToken, opts.App.AppToken, opts.App.SigningSecret = botToken, appToken, signing
	r := &rig{Server: slack.New(opts), t: t}
	r.AddUser(ann, "ann")
	r.AddUser(ben, "ben")
	r.AddChannel(general, "general", ann, ben, self)
	r.AddChannel("C0EMPTY", "empty", ann)
	web := httptest.NewServer(r.Server)
	r.url = web.URL
	transport := &http.Transport{}
	r.http = &http.Client{Transport: transport}
	t.Cleanup(func() {
		r.Close()
		transport.CloseIdleConnections()
		web.Close()
	})
	return r
}

// reply is an answer of the Web API.
type reply struct {
	Status    int
	Header    http.Header
	OK        bool            `json:"ok"`
	Error     string          `json:"error"`
	Needed    string          `json:"needed"`
	TS        string          `json:"ts"`
	URL       string          `json:"url"`
	UploadURL string          `json:"upload_url"`
	FileID    string          `json:"file_id"`
	File      slack.File      `json:"file"`
	Messages  []slack.Message `json:"messages"`
	More      bool            `json:"has_more"`
	Meta      struct {
		Cursor string `json:"next_cursor"`
	} `json:"response_metadata"`
}

// try calls a method with a form; an error is a broken connection.
func (r *rig) try(ctx context.Context, token, method string, params ...string) (reply, error) {
	form := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/api/"+method, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	data, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return reply{}, err
	}
	out := reply{Status: resp.StatusCode, Header: resp.Header}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		err = json.Unmarshal(data, &out)
	}
	return out, err
}

// call calls a method as the bot and fails the test when the connection breaks.
func (r *rig) call(method string, params ...string) reply {
	r.t.Helper()
	out, err := r.try(r.t.Context(), botToken, method, params...)
	if err != nil {
		r.t.Fatalf("%s: %v", method, err)
	}
	return out
}

// post posts a message that must be taken.
func (r *rig) post(text string, params ...string) reply {
	r.t.Helper()
	out := r.call("chat.postMessage", append([]string{"channel", general, "text", text}, params...)...)
	if !out.OK {
		r.t.Fatalf("chat.postMessage: %s", out.Error)
	}
	return out
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) say(text string) slack.Posted {
	r.t.Helper()
	p, err := r.Say(general, ann, text)
	r.must(err)
	return p
}

// eventually waits for something that the server does by itself.
func (r *rig) eventually(what string, cond func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), wait)
	defer cancel()
	if err := r.Wait(ctx, cond); err != nil {
		r.t.Fatalf("waiting until %s: %v", what, err)
	}
}

// got is one delivery as an app sees it.
type got struct {
	header http.Header
	body   []byte
	text   string
	kind   string
	id     string
}

func read(header http.Header, body []byte) got {
	var outer struct {
		EventID string `json:"event_id"`
		Event   struct {
			Type string `json:"type"`
			Text string `json:"text"`
		} `json:"event"`
	}
	_ = json.Unmarshal(body, &outer) // forms stay empty
	return got{header: header, body: body, text: outer.Event.Text, kind: outer.Event.Type, id: outer.EventID}
}

// app is an app that is called; answer gives its status for each call.
type app struct {
	mu     sync.Mutex
	calls  []got
	answer func(n int) int
}

func (r *rig) app(answer func(n int) int) *app {
	r.t.Helper()
	a := &app{answer: answer}
	hook := httptest.NewServer(a)
	r.t.Cleanup(hook.Close)
	r.SetRequestURL(hook.URL)
	return a
}

func (a *app) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	a.mu.Lock()
	a.calls = append(a.calls, read(req.Header, body))
	n := len(a.calls)
	a.mu.Unlock()
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(a.answer(n))
}

func (a *app) got() []got {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

func fine(int) int { return http.StatusOK }

// dial opens a websocket as an app.
func (r *rig) dial() *websocket.Conn {
	r.t.Helper()
	opened, err := r.try(r.t.Context(), appToken, "apps.connections.open")
	if err != nil || !opened.OK {
		r.t.Fatalf("open: %s %v", opened.Error, err)
	}
	header := http.Header{"Origin": {"https://api.slack.com"}}
	conn, resp, err := websocket.DefaultDialer.DialContext(r.t.Context(), opened.URL, header)
	if err != nil {
		r.t.Fatal(err)
	}
	r.must(resp.Body.Close())
	r.t.Cleanup(func() { _ = conn.Close() })
	if hello := r.frame(conn); hello.Type != "hello" {
		r.t.Fatalf("first frame is %+v", hello)
	}
	return conn
}

// frame is one message of a websocket.
type frame struct {
	Type    string          `json:"type"`
	ID      string          `json:"envelope_id"`
	Reason  string          `json:"reason"`
	Attempt int             `json:"retry_attempt"`
	Payload json.RawMessage `json:"payload"`
}

func (r *rig) frame(conn *websocket.Conn) frame {
	r.t.Helper()
	r.must(conn.SetReadDeadline(time.Now().Add(wait)))
	_, data, err := conn.ReadMessage()
	r.must(err)
	var f frame
	r.must(json.NewDecoder(bytes.NewReader(data)).Decode(&f))
	return f
}

func (r *rig) ack(conn *websocket.Conn, id string) {
	r.t.Helper()
	r.must(conn.WriteJSON(map[string]string{"envelope_id": id}))
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return web.URL
}
