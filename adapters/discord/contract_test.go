package discord_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/discord"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	simulator "github.com/parley-hub/parley/simulators/discord"
)

const (
	token       = "bot-token-that-nobody-may-read"
	application = "100200300"
	patience    = 20 * time.Second
)

// simulated is a platform for the suite: the simulator with its levers.
type simulated struct {
	*simulator.Server
	t     *testing.T
	url   string
	slash bool
	hooks atomic.Pointer[http.Handler]
	// memory is shared by all adapters of this server.
	memory *alone.Engine
	mode   string

	mu    sync.Mutex
	chats map[int]string
	users map[string]string
}

func newSimulated(t *testing.T, opts simulator.Options) *simulated {
	t.Helper()
	opts.Token, opts.ApplicationID = token, application
	opts.RepeatInteractions = 5 * time.Millisecond
	s := &simulated{t: t, Server: simulator.New(opts), memory: alone.New(), chats: map[int]string{}, users: map[string]string{}}
	web := httptest.NewServer(s.Server)
	s.url = web.URL
	t.Cleanup(web.Close)
	t.Cleanup(s.Close)
	return s
}

// adapter makes an adapter of this server; its log must never hold the token.
func (s *simulated) adapter(change ...func(*adapters.Settings, *discord.Config)) *discord.Adapter {
	s.t.Helper()
	c, ok := discord.Factory().Defaults().(*discord.Config)
	if !ok {
		s.t.Fatal("defaults are of another type")
	}
	c.Token, c.APIURL, c.ApplicationID, c.PublicKey = secret.New(token), s.url, application, s.PublicKey()
	client := &http.Client{Transport: &http.Transport{}}
	s.t.Cleanup(client.CloseIdleConnections)
	settings := adapters.Settings{Account: "dc", Config: c, Client: client, Log: zerolog.Nop(), Blobs: adaptertest.Blobs(), Memory: s.memory}
	for _, f := range change {
		f(&settings, c)
	}
	a, err := discord.Factory().New(settings)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.(*discord.Adapter)
}

func (s *simulated) Chat(index int) core.Conversation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.chats[index] == "" {
		user := s.AddUser(fmt.Sprintf("User %d", index))
		s.chats[index] = s.OpenDM(user)
		s.users[s.chats[index]] = user
	}
	return core.Conversation{Account: "dc", Place: core.Private, Chat: core.ChatID(s.chats[index])}
}

func (s *simulated) user(chat core.ChatID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[string(chat)]
}

func (s *simulated) Say(chat core.ChatID, text string) {
	var err error
	if s.slash {
		_, err = s.Command(string(chat), s.user(chat), "ask", text)
	} else {
		_, err = s.Server.Say(string(chat), s.user(chat), text)
	}
	if err != nil {
		s.t.Errorf("say: %v", err)
	}
}

func (s *simulated) SayTwice(chat core.ChatID, text string) {
	s.Inject(simulator.Fault{Kind: simulator.FaultDuplicate, Channel: string(chat)})
	s.Say(chat, text)
}

func (s *simulated) Shown(chat core.ChatID) []string {
	var out []string
	for _, p := range s.Server.Shown(string(chat)) {
		if p.ByBot && !p.Thinking && len(p.Attachments) == 0 {
			out = append(out, p.Text)
		}
	}
	return out
}

func (s *simulated) SayFile(chat core.ChatID, f adaptertest.File) {
	file := simulator.File{Name: f.Name, Type: f.MIME, Data: f.Content, Voice: f.Kind == core.Voice}
	host := strings.TrimPrefix(s.url, "http://")
	var err error
	if s.slash {
		_, err = s.Run(simulator.Run{Channel: string(chat), From: s.user(chat), Name: "ask", Text: f.Caption, File: &file, Host: host})
	} else {
		_, err = s.Speak(simulator.Utterance{Channel: string(chat), From: s.user(chat), Text: f.Caption, Files: []simulator.File{file}, Host: host})
	}
	if err != nil {
		s.t.Errorf("say: %v", err)
	}
}

// ShownFiles are those of the bot. Discord makes no voice message of a sound that a bot
// sends; by its type the suite can tell what it was.
func (s *simulated) ShownFiles(chat core.ChatID) []adaptertest.File {
	var out []adaptertest.File
	for _, p := range s.Server.Shown(string(chat)) {
		for _, a := range p.Attachments {
			if !p.ByBot {
				continue
			}
			f := adaptertest.File{Kind: core.Document, Name: a.Filename, MIME: a.ContentType, Caption: p.Text}
			switch family, _, _ := strings.Cut(a.ContentType, "/"); {
			case a.ContentType == "audio/ogg":
				f.Kind = core.Voice
			case family != "application":
				f.Kind = core.MediaKind(family)
			}
			f.Content, _ = s.FileBytes(a.ID)
			out = append(out, f)
		}
	}
	return out
}

func (s *simulated) Delete(chat core.ChatID, message core.MessageID) {
	if err := s.DeleteShown(string(chat), string(message)); err != nil {
		s.t.Errorf("delete: %v", err)
	}
}

func (s *simulated) Fail(f adaptertest.Failure) {
	fault := simulator.Fault{Call: "create_message"}
	switch f.How {
	case adaptertest.RateLimit:
		fault.Kind, fault.RetryAfter = simulator.FaultRateLimit, f.Wait.Seconds()
	case adaptertest.LoseAnswer:
		fault.Kind = simulator.FaultDropAfter
	case adaptertest.Hang:
		fault.Kind = simulator.FaultDelay
	case adaptertest.Outage:
		fault.Kind = simulator.FaultUnavailable
	case adaptertest.Revoked:
		fault.Kind, fault.Status, fault.Message = simulator.FaultError, http.StatusUnauthorized, "401: Unauthorized"
	case adaptertest.Refuse:
		fault.Kind, fault.Status, fault.Code, fault.Message = simulator.FaultError, http.StatusForbidden, 50007, "Cannot send messages to this user"
	default:
		s.t.Errorf("unknown failure %d", f.How)
	}
	s.t.Cleanup(s.Inject(fault).Remove)
}

func (s *simulated) Serve(h http.Handler) { s.hooks.Store(&h) }

func (s *simulated) serveHook(w http.ResponseWriter, r *http.Request) {
	h := s.hooks.Load()
	if h == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	(*h).ServeHTTP(w, r)
}

func (s *simulated) Body(chat core.ChatID, text string) []byte {
	body, err := s.CommandBody(string(chat), s.user(chat), "ask", text)
	if err != nil {
		s.t.Errorf("body: %v", err)
	}
	return body
}

func (s *simulated) Request(body []byte) *http.Request {
	r := s.Forge(body)
	r.Header = s.Sign(body, time.Now())
	return r
}

func (s *simulated) Forge(body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/dc", strings.NewReader(string(body)))
	r.Header = s.Sign(append([]byte("x"), body...), time.Now())
	return r
}

// refusing is an inbox for calls that must not reach it.
type refusing struct{}

func (refusing) Accept(context.Context, core.Envelope) error { return context.Canceled }

// hook gives the adapter's handler an address, registers it and its commands.
func (s *simulated) hook(a *discord.Adapter) {
	s.t.Helper()
	web := httptest.NewServer(http.HandlerFunc(s.serveHook))
	s.t.Cleanup(web.Close)
	s.Serve(a.Webhook(refusing{}))
	if err := s.SetEndpoint(web.URL); err != nil {
		s.t.Fatal(err)
	}
	s.hooks.Store(nil)
	if err := a.SetCommands(s.t.Context(), []adapters.MenuCommand{{Name: "help", Help: map[string]string{"en": "Help"}}}); err != nil {
		s.t.Fatal(err)
	}
	s.slash = true
}

// connectOnce lets the account begin its session: Discord keeps nothing for a bot that never came.
func (s *simulated) connectOnce(a *discord.Adapter) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	in := &connected{bell: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, in) }()
	select {
	case <-in.bell:
	case err := <-ended:
		s.t.Fatalf("Run ended: %v", err)
	case <-time.After(patience):
		s.t.Fatal("never connected")
	}
	cancel()
	if err := <-ended; err != nil {
		s.t.Fatal(err)
	}
}

type connected struct {
	refusing
	once sync.Once
	bell chan struct{}
}

func (c *connected) Connected() { c.once.Do(func() { close(c.bell) }) }

// of makes an adapter of the platform's mode.
func (s *simulated) of(log zerolog.Logger) *discord.Adapter {
	return s.adapter(func(set *adapters.Settings, c *discord.Config) {
		set.Log, set.PublicURL, c.Mode = log, "https://hub.example/webhooks/dc", s.mode
	})
}

// Another implements adaptertest.Twin.
func (s *simulated) Another(log zerolog.Logger) adapters.Adapter { return s.of(log) }

func platformOf(mode string) func(*testing.T, zerolog.Logger) (adapters.Adapter, adaptertest.Platform) {
	return func(t *testing.T, log zerolog.Logger) (adapters.Adapter, adaptertest.Platform) {
		s := newSimulated(t, simulator.Options{})
		s.mode = mode
		a := s.of(log)
		if mode == discord.ModeInteractions {
			s.hook(a)
		} else {
			s.connectOnce(a)
		}
		return a, s
	}
}

// The suite looks for goroutines that are left over, so nothing runs beside it.
func TestContractByGateway(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{New: platformOf(discord.ModeGateway), Secrets: []string{token}})
}

func TestContractByInteractions(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{New: platformOf(discord.ModeInteractions), Webhook: true, Secrets: []string{token, "token-of-interaction-"}})
}
