package discord_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/simulators/discord"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token       = "secret-token"
	application = "100200300"
	wait        = 30 * time.Second
)

// rig is a server behind a real listener, with a person and a private channel.
type rig struct {
	*discord.Server
	t       *testing.T
	url     string
	http    *http.Client
	ann, dm string
}

func start(t *testing.T, opts discord.Options) *rig {
	t.Helper()
	opts.Token, opts.ApplicationID = token, application
	r := &rig{t: t, Server: discord.New(opts)}
	web := httptest.NewServer(r.Server)
	transport := &http.Transport{}
	r.url, r.http = web.URL, &http.Client{Transport: transport}
	t.Cleanup(func() {
		r.Close()
		transport.CloseIdleConnections()
		web.Close()
	})
	r.ann = r.AddUser("Ann")
	r.dm = r.OpenDM(r.ann)
	return r
}

// answer is what a call gave.
type answer struct {
	Status     int
	Header     http.Header
	ID         string  `json:"id"`
	Code       int     `json:"code"`
	Message    string  `json:"message"`
	RetryAfter float64 `json:"retry_after"`
	Global     bool    `json:"global"`
}

func (r *rig) call(verb, path string, body any) (answer, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(r.t.Context(), verb, r.url+"/api/v10"+path, bytes.NewReader(data))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bot "+token)
	req.Header.Set("User-Agent", "DiscordBot (test, 1)")
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	out := answer{Status: resp.StatusCode, Header: resp.Header}
	if data, err = io.ReadAll(resp.Body); err == nil && strings.HasPrefix(string(data), "{") {
		err = json.Unmarshal(data, &out)
	}
	return out, err
}

type args map[string]any

func (r *rig) send(body args) (answer, error) {
	return r.call(http.MethodPost, "/channels/"+r.dm+"/messages", body)
}

func TestCreateMessageIsStrict(t *testing.T) {
	r := start(t, discord.Options{})
	button := func(b args) args {
		return args{"content": "x", "components": []args{{"type": 1, "components": []args{b}}}}
	}
	for name, tc := range map[string]struct {
		body   args
		status int
		code   int
	}{
		"good":             {args{"content": "hi", "nonce": "n", "enforce_nonce": true, "allowed_mentions": args{"parse": []string{}}}, 200, 0},
		"too long":         {args{"content": strings.Repeat("é", 2001)}, 400, 50035},
		"just long enough": {args{"content": strings.Repeat("😀", 2000)}, 200, 0},
		"empty":            {args{"content": " "}, 400, 50006},
		"wrong type":       {args{"content": 7}, 400, 50035},
		"long nonce":       {args{"content": "x", "nonce": strings.Repeat("n", 26)}, 400, 50035},
		"exclusive":        {args{"content": "x", "allowed_mentions": args{"parse": []string{"users"}, "users": []string{"1"}}}, 400, 50035},
		"unknown parse":    {args{"content": "x", "allowed_mentions": args{"parse": []string{"all"}}}, 400, 50035},
		"unknown reply":    {args{"content": "x", "message_reference": args{"message_id": "1"}}, 400, 50035},
		"forgiving reply":  {args{"content": "x", "message_reference": args{"message_id": "1", "fail_if_not_exists": false}}, 200, 0},
		"long custom id":   {button(args{"type": 2, "style": 1, "label": "a", "custom_id": strings.Repeat("c", 101)}), 400, 50035},
		"no label":         {button(args{"type": 2, "style": 1, "custom_id": "c"}), 400, 50035},
		"link with id":     {button(args{"type": 2, "style": 5, "label": "a", "custom_id": "c", "url": "https://x.org"}), 400, 50035},
		"button":           {button(args{"type": 2, "style": 1, "label": "a", "custom_id": "c"}), 200, 0},
		"flags":            {args{"content": "x", "flags": 128}, 400, 50035},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.send(tc.body)
			if err != nil || got.Status != tc.status || got.Code != tc.code {
				t.Errorf("status %d, code %d (%s): %v", got.Status, got.Code, got.Message, err)
			}
		})
	}
}

func TestEnforcedNonceIsOneMessage(t *testing.T) {
	r := start(t, discord.Options{})
	body := args{"content": "hi", "nonce": "abc", "enforce_nonce": true}
	r.Inject(discord.Fault{Kind: discord.FaultDropAfter, Call: "create_message"})
	if _, err := r.send(body); err == nil {
		t.Fatal("an answer came")
	}
	first, err := r.send(body)
	if err != nil {
		t.Fatal(err)
	}
	if shown := r.Shown(r.dm); len(shown) != 1 || shown[0].ID != first.ID {
		t.Errorf("%d messages", len(shown))
	}
	delete(body, "enforce_nonce")
	if again, err := r.send(body); err != nil || again.ID == first.ID {
		t.Errorf("a nonce that is not enforced brings back %s: %v", again.ID, err)
	}
}

func TestRateLimits(t *testing.T) {
	r := start(t, discord.Options{Limits: discord.Limits{PerChannel: 2}})
	for range 2 {
		if got, err := r.send(args{"content": "x"}); err != nil || got.Status != http.StatusOK || got.Header.Get("X-RateLimit-Limit") != "2" {
			t.Fatalf("%+v %v", got, err)
		}
	}
	got, err := r.send(args{"content": "x"})
	if err != nil || got.Status != http.StatusTooManyRequests || got.RetryAfter <= 0 || got.Global || got.Header.Get("X-RateLimit-Scope") != "user" {
		t.Errorf("%+v %v", got, err)
	}
	r.Inject(discord.Fault{Kind: discord.FaultRateLimit, Scope: "global", RetryAfter: 1.5})
	got, err = r.call(http.MethodGet, "/users/@me", nil)
	if err != nil || got.Status != http.StatusTooManyRequests || got.RetryAfter != 1.5 || !got.Global || got.Header.Get("Retry-After") != "2" {
		t.Errorf("%+v %v", got, err)
	}
}

// The SDK itself finds the gateway, receives and sends.
func TestDiscordgo(t *testing.T) {
	r := start(t, discord.Options{})
	api, err := discordgo.New("Bot " + token)
	if err != nil {
		t.Fatal(err)
	}
	api.Client = &http.Client{Transport: toServer{r}}
	api.Identify.Intents = discordgo.IntentDirectMessages | discordgo.IntentGuilds
	api.ShouldReconnectOnError = false
	got := make(chan *discordgo.MessageCreate, 10)
	api.AddHandler(func(_ *discordgo.Session, m *discordgo.MessageCreate) {
		if !m.Author.Bot {
			got <- m
		}
	})
	if err := api.Open(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = api.Close() }()
	if _, err := r.Say(r.dm, r.ann, "hello"); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-got:
		if m.Content != "hello" || m.ChannelID != r.dm {
			t.Errorf("%+v", m)
		}
		if _, err := api.ChannelMessageSendReply(m.ChannelID, "**hi**", m.Reference()); err != nil {
			t.Error(err)
		}
	case <-time.After(wait):
		t.Fatal("nothing came")
	}
	if shown := r.Shown(r.dm); len(shown) != 2 || shown[1].Text != "hi" || !shown[1].ByBot {
		t.Errorf("%+v", shown)
	}
	_, err = api.ChannelMessageSend("1", "x")
	var rest *discordgo.RESTError
	if !errors.As(err, &rest) || rest.Message.Code != 10003 {
		t.Errorf("unknown channel: %v", err)
	}
}

// toServer sends everything to the server.
type toServer struct{ r *rig }

func (s toServer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme, req.URL.Host, req.Host = "http", strings.TrimPrefix(s.r.url, "http://"), ""
	return s.r.http.Transport.RoundTrip(req)
}

func TestEndpointIsVerified(t *testing.T) {
	r := start(t, discord.Options{})
	for name, tc := range map[string]struct {
		h    http.HandlerFunc
		good bool
	}{
		"believes everything": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"type":1}`) }, false},
		"believes nothing":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(tc.h)
			defer web.Close()
			if err := r.SetEndpoint(web.URL); !errors.Is(err, discord.ErrEndpoint) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWatching(t *testing.T) {
	r := start(t, discord.Options{MaxMessages: 3, MaxCalls: 10})
	sub := r.Subscribe(100)
	defer sub.Close()
	for range 30 {
		if _, err := r.Say(r.dm, r.ann, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.call(http.MethodGet, "/users/@me", nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.Shown(r.dm)); n != 3 {
		t.Errorf("%d messages are kept", n)
	}
	if n := len(r.Calls()); n > 10 {
		t.Errorf("%d calls are kept", n)
	}
	if e := <-sub.C; e.Kind != discord.EventMessage || e.Message.Text != "x" {
		t.Errorf("%+v", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Wait(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"**bold** *it* __u__ ~~s~~ ||p||": "bold it u s p",
		`\*not\* 1\_2`:                    "*not* 1_2",
		"```go\nx := *p\n```\nafter":      "x := *p\nafter",
		"[text](https://x.org/a_b)":       "text",
		"> quoted\n> more":                "quoted\nmore",
		"`a*b*` https://x.org/a_b_c":      "a*b* https://x.org/a_b_c",
	} {
		if got := discord.Plain(in); got != want {
			t.Errorf("%q reads %q, want %q", in, got, want)
		}
	}
}

func TestReactionsStandUnderTheirMessage(t *testing.T) {
	r := start(t, discord.Options{})
	ben := r.AddUser("Ben")
	m, err := r.Say(r.dm, r.ann, "hello")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		from, emoji string
		away        bool
		want        string
	}{
		{r.ann, "👍", false, "👍1"}, {ben, "👍", false, "👍2"}, {ben, "👍", false, "👍2"}, {ben, "❤️", false, "👍2 ❤️1"},
		{r.ann, "👍", true, "👍1 ❤️1"}, {ben, "👍", true, "❤️1"}, {ben, "👍", true, "❤️1"},
	} {
		if err := r.React(r.dm, m.ID, step.from, step.emoji, step.away); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range r.Shown(r.dm)[0].Reactions {
			got = append(got, x.Emoji.Name+strconv.Itoa(x.Count))
		}
		if strings.Join(got, " ") != step.want {
			t.Errorf("%+v: %q", step, got)
		}
	}
}

func TestFilesAreBounded(t *testing.T) {
	r := start(t, discord.Options{MaxFileBytes: 10})
	var ids []string
	for _, text := range []string{"123456", "1234", "1"} {
		m, err := r.Speak(discord.Utterance{Channel: r.dm, From: r.ann, Files: []discord.File{{Name: "a", Type: "text/plain", Data: []byte(text)}}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Attachments[0].ID)
	}
	for i, want := range []string{"", "1234", "1"} {
		if got, ok := r.FileBytes(ids[i]); string(got) != want || ok != (want != "") {
			t.Errorf("file %d: %q, %t", i, got, ok)
		}
	}
}
