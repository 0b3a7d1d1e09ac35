package whatsapp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/whatsapp"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	simulator "github.com/parley-hub/parley/simulators/whatsapp"
)

const (
	token       = "EAAtoken-that-nobody-may-read"
	appSecret   = "app-secret-that-nobody-may-read"
	verifyToken = "verify-token-that-nobody-may-read"
	number      = "106540352242922"
	display     = "15550783881"
	patience    = 20 * time.Second
)

// simulated is a platform for the suite: the simulator with its levers.
type simulated struct {
	t       *testing.T
	sim     *simulator.Server
	url     string
	hookURL string
	hooks   atomic.Pointer[http.Handler]

	mu     sync.Mutex
	known  map[int]bool
	serial int
	// settings are those of the account; its adapters share a memory.
	settings adapters.Settings
}

// Another implements adaptertest.Twin.
func (s *simulated) Another(log zerolog.Logger) adapters.Adapter {
	set := s.settings
	set.Log = log
	a, err := whatsapp.Factory().New(set)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func person(index int) string { return strconv.Itoa(16505550000 + index) }

func (s *simulated) Chat(index int) core.Conversation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known[index] {
		s.known[index] = true
		s.sim.AddPerson(simulator.Person{ID: person(index), Name: fmt.Sprintf("Person %d", index)})
		if err := s.sim.OpenWindow(number, person(index)); err != nil {
			s.t.Errorf("open a chat: %v", err)
		}
	}
	return core.Conversation{Account: "wa", Place: core.Private, Chat: core.ChatID(person(index))}
}

func (s *simulated) Say(chat core.ChatID, text string) {
	if _, err := s.sim.Say(number, string(chat), text); err != nil {
		s.t.Errorf("say: %v", err)
	}
}

func (s *simulated) SayTwice(chat core.ChatID, text string) {
	s.sim.Inject(simulator.Fault{Kind: simulator.FaultDuplicate, Person: string(chat)})
	s.Say(chat, text)
}

func (s *simulated) Shown(chat core.ChatID) []string {
	var out []string
	for _, p := range s.sim.Shown(number, string(chat)) {
		if p.ByBot && p.Media == nil {
			out = append(out, p.Text)
		}
	}
	return out
}

func (s *simulated) SayFile(chat core.ChatID, f adaptertest.File) {
	u := simulator.Utterance{Number: number, Person: string(chat), Text: f.Caption, File: f.Content, Kind: string(f.Kind), MIME: f.MIME}
	switch f.Kind {
	case core.Voice:
		u.Kind, u.Voice = "audio", true
	case core.Document:
		u.Filename = f.Name
	case core.Audio:
		u.Text = "" // this kind carries no caption, and neither do stickers
	case core.Image, core.Video, core.Sticker:
	}
	if _, err := s.sim.Speak(u); err != nil {
		s.t.Errorf("say: %v", err)
	}
}

func (s *simulated) ShownFiles(chat core.ChatID) []adaptertest.File {
	var out []adaptertest.File
	for _, p := range s.sim.Shown(number, string(chat)) {
		if !p.ByBot || p.Media == nil {
			continue
		}
		f := adaptertest.File{Kind: core.MediaKind(p.Type), Name: p.Media.Name, MIME: p.Media.MIME, Caption: p.Text}
		if p.Media.Voice {
			f.Kind = core.Voice
		}
		f.Content, _ = s.sim.FileBytes(p.Media.ID)
		out = append(out, f)
	}
	return out
}

func (s *simulated) Delete(core.ChatID, core.MessageID) { s.t.Error("nothing can be deleted here") }

func (s *simulated) Fail(f adaptertest.Failure) {
	fault := simulator.Fault{Endpoint: "messages"}
	switch f.How {
	case adaptertest.RateLimit:
		fault.Kind, fault.RetryAfter = simulator.FaultRateLimit, int(f.Wait/time.Second)
	case adaptertest.LoseAnswer:
		fault.Kind = simulator.FaultDropAfter
	case adaptertest.Hang:
		fault.Kind = simulator.FaultDelay
	case adaptertest.Outage:
		fault.Kind, fault.Status, fault.Code = simulator.FaultError, http.StatusServiceUnavailable, 131016
	case adaptertest.Revoked:
		fault.Kind, fault.Status, fault.Code = simulator.FaultError, http.StatusUnauthorized, 190
	case adaptertest.Refuse:
		fault.Kind, fault.Status, fault.Code = simulator.FaultError, http.StatusBadRequest, 131026
	default:
		s.t.Errorf("unknown failure %d", f.How)
	}
	s.t.Cleanup(s.sim.Inject(fault).Remove)
}

func (s *simulated) Serve(h http.Handler) {
	s.hooks.Store(&h)
	if err := s.sim.SetWebhook(s.t.Context(), number, s.hookURL, verifyToken); err != nil {
		s.t.Errorf("set webhook: %v", err)
	}
}

func (s *simulated) serveHook(w http.ResponseWriter, r *http.Request) {
	h := s.hooks.Load()
	if h == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	(*h).ServeHTTP(w, r)
}

func (s *simulated) Body(chat core.ChatID, text string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return simulator.Body(said(string(chat), fmt.Sprintf("wamid.suite%d", s.serial), text))
}

// said is a change that brings a text.
func said(from, wamid, text string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(
		`{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":%q,"phone_number_id":%q},`+
			`"contacts":[{"profile":{"name":"Ann"},"wa_id":%q}],"messages":[{"from":%q,"id":%q,"timestamp":"1700000000","type":"text","text":{"body":%q}}]}}`,
		display, number, from, from, wamid, text))
}

func (s *simulated) Request(body []byte) *http.Request {
	r := request(body)
	r.Header.Set("X-Hub-Signature-256", simulator.Sign(appSecret, body))
	return r
}

func (s *simulated) Forge(body []byte) *http.Request {
	r := request(body)
	r.Header.Set("X-Hub-Signature-256", simulator.Sign("another secret", body))
	return r
}

// bench is an adapter on a fresh simulator.
func bench(t *testing.T, log zerolog.Logger, change ...func(*adapters.Settings, *whatsapp.Config, *simulator.Options)) (*whatsapp.Cloud, *simulated) {
	t.Helper()
	settings := adapters.Settings{Account: "wa", Log: log, Blobs: adaptertest.Blobs(), Memory: alone.New()}
	c, ok := whatsapp.Factory().Defaults().(*whatsapp.Config)
	if !ok {
		t.Fatal("defaults are of another type")
	}
	options := simulator.Options{HookRetryBase: 10 * time.Millisecond}
	for _, f := range change {
		f(&settings, c, &options)
	}
	s := &simulated{t: t, known: map[int]bool{}, sim: simulator.New(options)}
	s.sim.AddNumber(simulator.Number{ID: number, Display: display, Name: "Parley", Token: token, AppSecret: appSecret})
	web, hook := httptest.NewServer(s.sim), httptest.NewServer(http.HandlerFunc(s.serveHook))
	t.Cleanup(hook.Close)
	t.Cleanup(web.Close)
	t.Cleanup(s.sim.Close)
	s.url, s.hookURL = web.URL, hook.URL+"/webhooks/wa"

	c.AccessToken, c.AppSecret, c.VerifyToken = secret.New(token), secret.New(appSecret), secret.New(verifyToken)
	c.PhoneNumberID = number
	if c.APIURL == whatsapp.Factory().Defaults().(*whatsapp.Config).APIURL {
		c.APIURL = web.URL
	}
	settings.Config, settings.PublicURL = c, s.hookURL
	if settings.Client == nil {
		client := &http.Client{Transport: &http.Transport{}}
		t.Cleanup(client.CloseIdleConnections)
		settings.Client = client
	}
	s.settings = settings
	return s.Another(settings.Log).(*whatsapp.Cloud), s
}

// The suite looks for goroutines that are left over, so nothing runs beside it.
func TestContractOfTheCloudAPI(t *testing.T) {
	for name, batch := range map[string]int{"one change a call": 1, "many changes a call": 100} {
		t.Run(name, func(t *testing.T) {
			adaptertest.Run(t, adaptertest.Harness{
				New: func(t *testing.T, log zerolog.Logger) (adapters.Adapter, adaptertest.Platform) {
					return bench(t, log, func(_ *adapters.Settings, _ *whatsapp.Config, o *simulator.Options) { o.HookBatch = batch })
				},
				Webhook: true, Secrets: []string{token, appSecret, verifyToken},
			})
		})
	}
}
