package telegram_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/document"
	"github.com/parley-hub/parley/adapters/telegram"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	simulator "github.com/parley-hub/parley/simulators/telegram"
)

const (
	botID     = 42
	firstUser = 1000
	hookToken = "sesame-open"
)

// simulated is a platform for the suite: the simulator with its levers.
type simulated struct {
	t     *testing.T
	sim   *simulator.Server
	hooks atomic.Pointer[http.Handler]

	mu     sync.Mutex
	known  map[int]bool
	serial int
	// make makes an adapter of the bot.
	make func(zerolog.Logger) adapters.Adapter
}

// Another implements adaptertest.Twin.
func (s *simulated) Another(log zerolog.Logger) adapters.Adapter { return s.make(log) }

func (s *simulated) Chat(index int) core.Conversation {
	s.mu.Lock()
	defer s.mu.Unlock()
	user := int64(firstUser + index)
	if !s.known[index] {
		s.known[index] = true
		s.sim.AddUser(simulator.User{ID: user, FirstName: fmt.Sprintf("User %d", index)})
		if err := s.sim.OpenPrivate(botID, user); err != nil {
			s.t.Errorf("open a chat: %v", err)
		}
	}
	return core.Conversation{Account: "tg", Place: core.Private, Chat: core.ChatID(strconv.FormatInt(user, 10))}
}

func (s *simulated) number(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		s.t.Errorf("id %q: %v", id, err)
	}
	return n
}

func (s *simulated) Say(chat core.ChatID, text string) {
	if _, err := s.sim.Say(s.number(string(chat)), text); err != nil {
		s.t.Errorf("say: %v", err)
	}
}

func (s *simulated) SayTwice(chat core.ChatID, text string) {
	s.sim.Inject(simulator.Fault{Kind: simulator.FaultDuplicate, Chat: s.number(string(chat))})
	s.Say(chat, text)
}

func (s *simulated) Shown(chat core.ChatID) []string {
	var out []string
	for _, p := range s.sim.Shown(botID, s.number(string(chat))) {
		if p.ByBot != 0 && p.Text != "" {
			out = append(out, p.Text)
		}
	}
	return out
}

// kinds are the server's words for the kinds of files.
var kinds = map[core.MediaKind]string{
	core.Image: "photo", core.Voice: "voice", core.Audio: "audio", core.Video: "video", core.Document: "document",
}

func (s *simulated) SayFile(chat core.ChatID, f adaptertest.File) {
	_, err := s.sim.Speak(simulator.Utterance{
		From: s.number(string(chat)), Text: f.Caption,
		Media: &simulator.Media{Kind: kinds[f.Kind], Name: f.Name, MIME: f.MIME, Bytes: f.Content},
	})
	if err != nil {
		s.t.Errorf("say: %v", err)
	}
}

func (s *simulated) ShownFiles(chat core.ChatID) []adaptertest.File {
	var out []adaptertest.File
	for _, p := range s.sim.Shown(botID, s.number(string(chat))) {
		f := adaptertest.File{Caption: p.Caption}
		id := ""
		for kind, a := range map[core.MediaKind]*simulator.Attachment{
			core.Voice: p.Voice, core.Audio: p.Audio, core.Video: p.Video, core.Document: p.Document,
		} {
			if a != nil {
				f.Kind, f.Name, f.MIME, id = kind, a.FileName, a.MIMEType, a.FileID
			}
		}
		if len(p.Photo) > 0 {
			f.Kind, id = core.Image, p.Photo[0].FileID
		}
		if p.ByBot == 0 || id == "" {
			continue
		}
		f.Content, _ = s.sim.FileBytes(id)
		out = append(out, f)
	}
	return out
}

func (s *simulated) Delete(chat core.ChatID, message core.MessageID) {
	if err := s.sim.DeleteShown(botID, s.number(string(chat)), s.number(string(message))); err != nil {
		s.t.Errorf("delete: %v", err)
	}
}

func (s *simulated) Fail(f adaptertest.Failure) {
	fault := simulator.Fault{}
	switch f.How {
	case adaptertest.RateLimit:
		fault.Kind, fault.RetryAfter = simulator.FaultTooManyRequests, int(f.Wait/time.Second)
	case adaptertest.LoseAnswer:
		fault.Kind = simulator.FaultDropAfter
	case adaptertest.Hang:
		fault.Kind = simulator.FaultDelay
	case adaptertest.Outage:
		fault.Kind = simulator.FaultBadGateway
	case adaptertest.Revoked:
		fault.Kind, fault.Code, fault.Description = simulator.FaultError, http.StatusUnauthorized, "Unauthorized"
	case adaptertest.Refuse:
		fault.Kind, fault.Code, fault.Description = simulator.FaultError, http.StatusBadRequest, "Bad Request: chat not found"
	default:
		s.t.Errorf("unknown failure %d", f.How)
	}
	var both []*simulator.FaultHandle
	for _, fault.Method = range []string{"sendMessage", "sendPhoto"} {
		both = append(both, s.sim.Inject(fault))
	}
	for _, h := range both {
		s.t.Cleanup(h.Remove)
	}
}

func (s *simulated) Serve(h http.Handler) { s.hooks.Store(&h) }

// serveHook passes a call on. Retry-After, which counts in whole seconds, is kept
// from the simulator, so that it comes again as soon as its options say.
func (s *simulated) serveHook(w http.ResponseWriter, r *http.Request) {
	h := s.hooks.Load()
	if h == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	rec := httptest.NewRecorder()
	(*h).ServeHTTP(rec, r)
	w.WriteHeader(rec.Code)
}

func (s *simulated) Body(chat core.ChatID, text string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return []byte(privateUpdate(s.serial, int(s.number(string(chat))), text))
}

func (s *simulated) Request(body []byte) *http.Request {
	r := s.Forge(body)
	r.Header.Set("X-Telegram-Bot-Api-Secret-Token", hookToken)
	return r
}

func (s *simulated) Forge(body []byte) *http.Request {
	return httptest.NewRequest(http.MethodPost, "/webhooks/tg", strings.NewReader(string(body)))
}

func newSimulated(mode string) func(*testing.T, zerolog.Logger) (adapters.Adapter, adaptertest.Platform) {
	return func(t *testing.T, log zerolog.Logger) (adapters.Adapter, adaptertest.Platform) {
		s := &simulated{
			t: t, known: map[int]bool{},
			sim: simulator.New(simulator.Options{WebhookRetryBase: 10 * time.Millisecond}),
		}
		s.sim.AddBot(token, botID, "parley_bot", "Parley")
		web, hook := httptest.NewServer(s.sim), httptest.NewServer(http.HandlerFunc(s.serveHook))
		t.Cleanup(hook.Close)
		t.Cleanup(web.Close)
		t.Cleanup(s.sim.Close)
		s.make = func(log zerolog.Logger) adapters.Adapter {
			return newAdapter(t, web.URL, func(set *adapters.Settings, c *telegram.Config) {
				set.Log, set.PublicURL, set.Blobs = log, hook.URL+"/webhooks/tg", adaptertest.Blobs()
				c.Mode, c.WebhookSecret = mode, secret.New(hookToken)
			})
		}
		return s.make(log), s
	}
}

// The suite looks for goroutines that are left over, so nothing runs beside it.
func TestContractByPolling(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{New: newSimulated(telegram.ModePoll), Secrets: []string{token, hookToken}})
}

func TestContractByWebhook(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{New: newSimulated(telegram.ModeWebhook), Webhook: true, Secrets: []string{token, hookToken}})
}

// TestTheServerReadsTheMarkup: what the simulator, which is strict about markup,
// shows of a rich answer is its text with its entities.
func TestTheServerReadsTheMarkup(t *testing.T) {
	answer, err := os.ReadFile("testdata/answer.md")
	if err != nil {
		t.Fatal(err)
	}
	a, p := newSimulated(telegram.ModePoll)(t, zerolog.Nop())
	s, ok := p.(*simulated)
	if !ok {
		t.Fatal("not the simulator")
	}
	to := s.Chat(0)
	parts := []core.Part{
		core.Text{Text: string(answer), Format: core.Markdown},
		core.Buttons{Rows: [][]core.Button{{{Label: "Yes", Data: "y"}}}},
	}
	if _, err := a.Send(t.Context(), core.Reply{ID: "e.0", Final: true, To: to, Parts: parts}); err != nil {
		t.Fatal(err)
	}
	shown := s.sim.Shown(botID, firstUser)
	want := strings.ReplaceAll(document.Text(document.Parse(string(answer))), "\t", "    ")
	if len(shown) != 1 || shown[0].Text != want {
		t.Fatalf("shown %+v", shown)
	}
	kinds := map[string]int{}
	for _, e := range shown[0].Entities {
		kinds[e.Type]++
	}
	for _, kind := range []string{"bold", "italic", "strikethrough", "code", "pre", "text_link", "blockquote"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s among %v", kind, kinds)
		}
	}
	if calls := s.sim.Calls(); len(calls) != 1 {
		t.Errorf("%d calls: the markup was refused", len(calls))
	}
}
