package telegram_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/simulators"
	"github.com/parley-hub/parley/simulators/telegram"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token = "100:secret"
	botID = 100
	ann   = 7000000001 // above 32 bits on purpose
	bob   = 7000000002
	group = -5001
	forum = -1001234567890
	wait  = 30 * time.Second
)

// rig is a server behind a real listener, with one bot, two users, a group and a forum.
type rig struct {
	*telegram.Server
	t     *testing.T
	clock *simulators.Clock
	url   string
	http  *http.Client
}

func start(t *testing.T, opts telegram.Options) *rig {
	t.Helper()
	r := &rig{t: t, clock: simulators.NewClock()}
	if opts.Now == nil {
		opts.Now = r.clock.Now
	}
	r.Server = telegram.New(opts)
	r.AddBot(token, botID, "parley_bot", "Parley")
	r.AddUser(telegram.User{ID: ann, FirstName: "Ann", Username: "ann", LanguageCode: "en"})
	r.AddUser(telegram.User{ID: bob, FirstName: "Bob"})
	r.AddGroup(group, "Team", ann, bob, botID)
	r.AddSupergroup(forum, "Forum", true, ann, bob, botID)
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

// reply is the envelope of an answer.
type reply struct {
	Status      int
	Header      http.Header
	Body        string
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	ErrorCode   int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter      int   `json:"retry_after"`
		MigrateToChatID int64 `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

type args map[string]any

// try calls a method with JSON arguments; an error is a broken connection.
func (r *rig) try(ctx context.Context, method string, a args) (reply, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return reply{}, err
	}
	return r.send(ctx, http.MethodPost, "/bot"+token+"/"+method, "application/json", bytes.NewReader(body))
}

func (r *rig) send(ctx context.Context, verb, path, kind string, body io.Reader) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, verb, r.url+path, body)
	if err != nil {
		return reply{}, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	out := reply{Status: resp.StatusCode, Header: resp.Header, Body: string(data)}
	if resp.Header.Get("Content-Type") == "application/json" && bytes.HasPrefix(data, []byte(`{"ok"`)) {
		err = json.Unmarshal(data, &out)
	}
	return out, err
}

// call calls a method and fails the test when the connection breaks.
func (r *rig) call(method string, a args) reply {
	r.t.Helper()
	out, err := r.try(r.t.Context(), method, a)
	if err != nil {
		r.t.Fatalf("%s: %v", method, err)
	}
	return out
}

// ok calls a method that must succeed and decodes its result.
func ok[T any](r *rig, method string, a args) T {
	r.t.Helper()
	out := r.call(method, a)
	if !out.OK || out.Status != http.StatusOK {
		r.t.Fatalf("%s: %d %s", method, out.Status, out.Description)
	}
	var v T
	if err := json.Unmarshal(out.Result, &v); err != nil {
		r.t.Fatalf("%s: %v in %s", method, err, out.Result)
	}
	return v
}

// refused calls a method that must fail with the code and the description.
func (r *rig) refused(method string, a args, code int, text string) reply {
	r.t.Helper()
	out := r.call(method, a)
	if out.OK || out.Status != code || out.ErrorCode != code || out.Description != text {
		r.t.Fatalf("%s: got %d %q, want %d %q", method, out.Status, out.Description, code, text)
	}
	return out
}

type update struct {
	ID            int64             `json:"update_id"`
	Message       *telegram.Message `json:"message"`
	EditedMessage *telegram.Message `json:"edited_message"`
	Callback      *struct {
		ID      string           `json:"id"`
		Data    string           `json:"data"`
		From    telegram.User    `json:"from"`
		Message telegram.Message `json:"message"`
	} `json:"callback_query"`
	MyMember *struct {
		Chat telegram.Chat `json:"chat"`
		Old  struct {
			Status string `json:"status"`
		} `json:"old_chat_member"`
		New struct {
			Status string `json:"status"`
		} `json:"new_chat_member"`
	} `json:"my_chat_member"`
	Member   json.RawMessage `json:"chat_member"`
	Reaction json.RawMessage `json:"message_reaction"`
}

func (r *rig) updates(a args) []update {
	r.t.Helper()
	return ok[[]update](r, "getUpdates", a)
}

// drain confirms everything there is.
func (r *rig) drain() {
	r.t.Helper()
	r.updates(args{"offset": -1})
	if all := r.updates(nil); len(all) > 0 {
		r.updates(args{"offset": all[len(all)-1].ID + 1})
	}
}

func (r *rig) say(text string) telegram.Message {
	r.t.Helper()
	m, err := r.Say(ann, text)
	if err != nil {
		r.t.Fatalf("say: %v", err)
	}
	return m
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// eventually waits for something that the server does by itself.
func (r *rig) eventually(what string, cond func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), wait)
	defer cancel()
	if err := r.Wait(ctx, cond); err != nil {
		r.t.Fatalf("waiting for %s: %v", what, err)
	}
}

// inMemory calls a method without a network.
func inMemory(t testing.TB, s *telegram.Server, method string, body []byte) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "/bot"+token+"/"+method, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	w := &recorder{header: http.Header{}}
	s.ServeHTTP(w, req)
	var out reply
	if err := json.Unmarshal(w.body, &out); err != nil {
		t.Fatalf("%v in %q", err, w.body)
	}
	return out
}
