package slack_test

import (
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
	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

const (
	botToken      = "xoxb-nobody-may-read-this-bot-token"
	appToken      = "xapp-nobody-may-read-this-app-token"
	signingSecret = "nobody-may-read-this-signing-secret"
	botUser       = "U0PARLEY"
	patience      = 20 * time.Second
)

var secrets = []string{botToken, appToken, signingSecret}

// simulated is a platform for the suite: the simulator with its levers.
type simulated struct {
	t     *testing.T
	sim   *simulator.Server
	api   string
	hooks atomic.Pointer[http.Handler]

	mu    sync.Mutex
	known map[int]bool
	// make makes an adapter of the account, which shares its memory with the others.
	make func(zerolog.Logger) adapters.Adapter
}

// Another implements adaptertest.Twin.
func (s *simulated) Another(log zerolog.Logger) adapters.Adapter { return s.make(log) }

func userOf(index int) string { return fmt.Sprintf("U%05d", index) }

func (s *simulated) Chat(index int) core.Conversation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known[index] {
		s.known[index] = true
		s.sim.AddUser(userOf(index), fmt.Sprintf("user%d", index))
	}
	dm, err := s.sim.OpenDM(userOf(index))
	if err != nil {
		s.t.Errorf("open a chat: %v", err)
	}
	return core.Conversation{Account: "sl", Place: core.Private, Chat: core.ChatID(dm)}
}

func (s *simulated) Say(chat core.ChatID, text string) {
	if _, err := s.sim.Say(string(chat), "U"+string(chat)[1:], text); err != nil {
		s.t.Errorf("say: %v", err)
	}
}

func (s *simulated) SayTwice(chat core.ChatID, text string) {
	s.sim.Inject(simulator.Fault{Kind: simulator.FaultDuplicate, Channel: string(chat)})
	s.Say(chat, text)
}

func (s *simulated) Shown(chat core.ChatID) []string {
	var out []string
	for _, p := range s.sim.Shown(string(chat)) {
		if p.ByBot {
			out = append(out, p.Text)
		}
	}
	return out
}

func (s *simulated) Delete(chat core.ChatID, message core.MessageID) {
	if err := s.sim.Delete(string(chat), string(message)); err != nil {
		s.t.Errorf("delete: %v", err)
	}
}

func (s *simulated) SayFile(chat core.ChatID, f adaptertest.File) {
	u := simulator.Upload{Name: f.Name, MIME: f.MIME, Bytes: f.Content}
	if f.Kind == core.Voice {
		u.Subtype = "slack_audio"
	}
	if _, err := s.sim.SayFile(string(chat), "U"+string(chat)[1:], f.Caption, u); err != nil {
		s.t.Errorf("say: %v", err)
	}
}

// ShownFiles are the files that the chat's person can open. Of a sound that a bot sends
// Slack makes no voice message; by its kind of file the suite can tell what it was.
func (s *simulated) ShownFiles(chat core.ChatID) []adaptertest.File {
	var out []adaptertest.File
	for _, p := range s.sim.Shown(string(chat)) {
		for _, f := range p.Files {
			if !p.ByBot {
				continue
			}
			seen, content, err := s.sim.Download("U"+string(chat)[1:], f.ID)
			if err != nil {
				s.t.Errorf("download: %v", err)
			}
			kind := core.Document
			switch major, _, _ := strings.Cut(seen.MIME, "/"); {
			case seen.MIME == "audio/ogg":
				kind = core.Voice
			case major != "application":
				kind = core.MediaKind(major)
			}
			out = append(out, adaptertest.File{Kind: kind, Name: seen.Name, MIME: seen.MIME, Caption: p.Text, Content: content})
		}
	}
	return out
}

func (s *simulated) Fail(f adaptertest.Failure) {
	fault := simulator.Fault{Method: "chat.postMessage"}
	switch f.How {
	case adaptertest.RateLimit:
		fault.Kind, fault.RetryAfter = simulator.FaultTooManyRequests, int(f.Wait/time.Second)
	case adaptertest.LoseAnswer:
		fault.Kind = simulator.FaultDropAfter
	case adaptertest.Hang:
		fault.Kind = simulator.FaultDelay
	case adaptertest.Outage: // of a 5xx nobody knows whether the message was posted
		fault.Kind, fault.Error = simulator.FaultError, "service_unavailable"
	case adaptertest.Revoked:
		fault.Kind, fault.Error = simulator.FaultError, "token_revoked"
	case adaptertest.Refuse:
		fault.Kind, fault.Error = simulator.FaultError, "channel_not_found"
	default:
		s.t.Errorf("unknown failure %d", f.How)
	}
	s.t.Cleanup(s.sim.Inject(fault).Remove)
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
	return s.sim.Body(string(chat), "U"+string(chat)[1:], text)
}

func (s *simulated) Request(body []byte) *http.Request {
	r := s.Forge(body)
	s.sim.Sign(r, body)
	return r
}

func (s *simulated) Forge(body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/sl", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// newSimulated starts the simulator with an adapter. The simulator tries again at once
// and for ever what was not acknowledged.
func newSimulated(mode string, change ...func(*simulator.Options, *slack.Config)) func(*testing.T, zerolog.Logger) (adapters.Adapter, adaptertest.Platform) {
	return func(t *testing.T, log zerolog.Logger) (adapters.Adapter, adaptertest.Platform) {
		t.Helper()
		options := simulator.Options{
			App:         simulator.App{BotToken: botToken, AppToken: appToken, SigningSecret: signingSecret, UserID: botUser},
			RetryDelays: []time.Duration{5 * time.Millisecond}, RetryForever: true, AckTimeout: patience,
		}
		config, ok := slack.Factory().Defaults().(*slack.Config)
		if !ok {
			t.Fatal("the defaults are of another type")
		}
		config.Mode = mode
		config.BotToken, config.AppToken, config.SigningSecret = secret.New(botToken), secret.New(appToken), secret.New(signingSecret)
		for _, f := range change {
			f(&options, config)
		}
		s := &simulated{t: t, known: map[int]bool{}, sim: simulator.New(options)}
		web, hook := httptest.NewServer(s.sim), httptest.NewServer(http.HandlerFunc(s.serveHook))
		t.Cleanup(hook.Close)
		t.Cleanup(web.Close)
		t.Cleanup(s.sim.Close)
		if mode == slack.ModeEvents {
			s.sim.SetRequestURL(hook.URL + "/webhooks/sl")
		}
		config.APIURL = web.URL + "/api/"
		s.api = config.APIURL
		memory := alone.New()
		s.make = func(log zerolog.Logger) adapters.Adapter {
			a, err := slack.Factory().New(adapters.Settings{
				Account: "sl", Config: config, PublicURL: hook.URL + "/webhooks/sl", Blobs: adaptertest.Blobs(), Memory: memory, Log: log,
			})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		return s.make(log), s
	}
}

// The suite looks for goroutines that are left over, so nothing runs beside it.
func TestContractByEvents(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{New: newSimulated(slack.ModeEvents), Webhook: true, Secrets: secrets})
}

func TestContractBySocket(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{New: newSimulated(slack.ModeSocket), Secrets: secrets})
}
