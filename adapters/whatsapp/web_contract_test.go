//go:build !nowhatsmeow

package whatsapp_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/adaptertest"
	"github.com/parley-hub/parley/adapters/whatsapp"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	websim "github.com/parley-hub/parley/simulators/whatsapp/web"
)

const (
	webBot    = "4915551000"
	webBotLID = "200000001000"
)

// linked is a platform for the suite: the simulator of WhatsApp-web with its levers.
type linked struct {
	t   *testing.T
	sim *websim.Server
	url string
	dir string
	// database is where devices are kept; empty for dir.
	database secret.String

	// memory is shared by all adapters of this server.
	memory *alone.Engine

	mu    sync.Mutex
	known map[string]bool
}

func (s *linked) person(index int) string { return strconv.Itoa(16505550000 + index) }

// meet makes sure that somebody is there.
func (s *linked) meet(phone string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known[phone] {
		s.known[phone] = true
		// Every other one writes from their hidden id.
		n, _ := strconv.Atoi(phone)
		s.sim.AddPerson(websim.Person{Phone: phone, Name: "Person " + phone[len(phone)-2:], ByLID: n%2 == 1})
	}
	return phone
}

func (s *linked) Chat(index int) core.Conversation {
	return core.Conversation{Account: "wa-web", Place: core.Private, Chat: core.ChatID(s.meet(s.person(index)))}
}

func (s *linked) Say(chat core.ChatID, text string) {
	if _, err := s.sim.Say(webBot, s.meet(string(chat)), text); err != nil {
		s.t.Errorf("say: %v", err)
	}
}

func (s *linked) SayTwice(chat core.ChatID, text string) {
	s.sim.Inject(websim.Fault{Kind: websim.FaultDuplicate, At: "delivery", Chat: string(chat)})
	s.Say(chat, text)
}

func (s *linked) Shown(chat core.ChatID) []string {
	var out []string
	for _, p := range s.shown(chat) {
		if p.Media == nil {
			out = append(out, p.Text)
		}
	}
	return out
}

// shown are the bot's messages that stand in a chat.
func (s *linked) shown(chat core.ChatID) (out []websim.Posted) {
	for _, p := range s.sim.Shown(webBot, string(chat)) {
		if p.ByBot && !p.Deleted {
			out = append(out, p)
		}
	}
	return out
}

// Delete takes the message back from the account's phone: nobody else can.
func (s *linked) Delete(chat core.ChatID, message core.MessageID) {
	if _, err := s.sim.Speak(websim.Utterance{Number: webBot, ByOwner: true, Person: string(chat), Delete: string(message)}); err != nil {
		s.t.Errorf("delete: %v", err)
	}
}

func (s *linked) Fail(f adaptertest.Failure) {
	fault := websim.Fault{At: "message"}
	switch f.How {
	case adaptertest.RateLimit:
		fault.Kind, fault.Code = websim.FaultRefuse, 429
	case adaptertest.LoseAnswer:
		fault.Kind = websim.FaultDropAfter
	case adaptertest.Hang:
		fault.Kind = websim.FaultDelay
	case adaptertest.Outage:
		fault.Kind, fault.At, fault.Code = websim.FaultRefuse, "upgrade", 503
	case adaptertest.Revoked:
		fault.Kind, fault.At, fault.Code = websim.FaultRefuse, "login", 402
	case adaptertest.Refuse:
		fault.Kind, fault.Code = websim.FaultRefuse, 406
	default:
		s.t.Errorf("unknown failure %d", f.How)
	}
	s.t.Cleanup(s.sim.Inject(fault).Remove)
}

func (s *linked) SayFile(chat core.ChatID, f adaptertest.File) {
	_, err := s.sim.Speak(websim.Utterance{
		Number: webBot, Person: s.meet(string(chat)), Text: f.Caption,
		Media: &websim.Attachment{Kind: string(f.Kind), MIME: f.MIME, Name: f.Name, Data: f.Content},
	})
	if err != nil {
		s.t.Errorf("say a file: %v", err)
	}
}

func (s *linked) ShownFiles(chat core.ChatID) (out []adaptertest.File) {
	for _, p := range s.shown(chat) {
		if p.Media == nil {
			continue
		}
		if p.Media.Problem != "" {
			s.t.Errorf("a file that cannot be opened: %s", p.Media.Problem)
		}
		out = append(out, adaptertest.File{
			Kind: core.MediaKind(p.Media.Kind), Name: p.Media.Name, MIME: p.Media.MIME, Caption: p.Text, Content: p.Media.Data,
		})
	}
	return out
}

func startWeb(t *testing.T, o websim.Options) *linked {
	t.Helper()
	s := &linked{t: t, sim: websim.New(o), known: map[string]bool{}, dir: t.TempDir(), memory: alone.New()}
	s.sim.AddNumber(websim.Number{Phone: webBot, LID: webBotLID, Name: "Parley"})
	listener := httptest.NewServer(s.sim)
	t.Cleanup(func() {
		s.sim.Close()
		listener.Close()
	})
	s.url = listener.URL
	return s
}

// adapter makes one over the platform's data directory.
func (s *linked) adapter(log zerolog.Logger, change ...func(*adapters.Settings)) *whatsapp.Web {
	s.t.Helper()
	c, ok := whatsapp.Factory().Defaults().(*whatsapp.Config)
	if !ok {
		s.t.Fatal("defaults are of another type")
	}
	key := websim.RootKey()
	c.Mode, c.APIURL, c.RootKey = whatsapp.ModeWeb, s.url, hex.EncodeToString(key[:])
	settings := adapters.Settings{
		Account: "wa-web", Config: c, StateDir: s.dir, Database: s.database, Log: log, Blobs: adaptertest.Blobs(), Memory: s.memory,
	}
	for _, f := range change {
		f(&settings)
	}
	a, err := whatsapp.Factory().New(settings)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.(*whatsapp.Web)
}

// pair links an adapter; the number's phone scans the first code.
func (s *linked) pair(a *whatsapp.Web) { s.t.Helper(); s.pairWith(a, webBot) }

func (s *linked) pairWith(a *whatsapp.Web, phone string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	scanned := make(chan error, 8)
	err := a.Pair(ctx, func(c adapters.PairingCode) {
		go func() { scanned <- s.sim.Scan(ctx, phone, c.Text) }()
	})
	if err != nil {
		s.t.Fatalf("pair: %v\n%s", err, s.story())
	}
	if err := <-scanned; err != nil {
		s.t.Fatalf("scan: %v", err)
	}
}

// story tells what happened on the platform.
func (s *linked) story() (out string) {
	for _, c := range s.sim.Calls() {
		out += fmt.Sprintf("%+v\n", c)
	}
	for _, e := range s.sim.Events(0) {
		out += fmt.Sprintf("%+v\n", e)
	}
	return out
}

// noProblems fails when the adapter did anything wrong.
func (s *linked) noProblems() {
	s.t.Helper()
	for _, c := range s.sim.Calls() {
		if c.Problem != "" {
			s.t.Errorf("the platform sees something wrong: %+v", c)
		}
	}
}

func TestContractOfWeb(t *testing.T) {
	adaptertest.Run(t, adaptertest.Harness{
		New: func(t *testing.T, log zerolog.Logger) (adapters.Adapter, adaptertest.Platform) {
			s := startWeb(t, websim.Options{})
			a := s.adapter(log)
			s.pair(a)
			t.Cleanup(s.noProblems)
			return a, s
		},
		OneNode: true, Untold: true, Secrets: []string{webBot, webBotLID, "16505550000", "16505550001"},
	})
}
