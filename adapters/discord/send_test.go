package discord_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/discord"
	"github.com/parley-hub/parley/cluster/alone"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/discord"
)

// A message that was stored although nobody heard of it is not doubled by a repeat.
func TestRepeatIsOneMessage(t *testing.T) {
	for _, kind := range []simulator.FaultKind{simulator.FaultDropAfter, simulator.FaultErrorAfter} {
		s := newSimulated(t, simulator.Options{})
		a, to := s.adapter(), s.Chat(0)
		r := core.Reply{ID: core.ReplyTo("envelope", 0), Final: true, To: to, Parts: []core.Part{core.Text{Text: "hello"}}}
		s.Inject(simulator.Fault{Kind: kind, Call: "create_message"})
		if _, err := a.Send(t.Context(), r); !fault.IsUnsure(err) {
			t.Fatalf("%s: %v", kind, err)
		}
		if _, found, err := a.Reconcile(t.Context(), r); found || err != nil {
			t.Errorf("%s: reconcile: %v, %v", kind, found, err)
		}
		receipt, err := a.Send(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if shown := s.Server.Shown(string(to.Chat)); len(shown) != 1 || shown[0].ID != string(receipt.Message) {
			t.Errorf("%s: %d messages", kind, len(shown))
		}
	}
}

// An interaction is deferred, its reply takes that place, and more of it follows.
func TestInteractionIsAnswered(t *testing.T) {
	for _, mode := range []string{discord.ModeGateway, discord.ModeInteractions} {
		t.Run(mode, func(t *testing.T) {
			s := newSimulated(t, simulator.Options{})
			a := s.adapter(func(set *adapters.Settings, c *discord.Config) {
				set.PublicURL, c.Mode = "https://hub.example/webhooks/dc", mode
			})
			in := newInbox()
			to := s.Chat(0)
			if mode == discord.ModeInteractions {
				s.hook(a)
				s.Serve(a.Webhook(in))
			} else if err := a.SetCommands(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			run(t, a, in)
			if mode == discord.ModeGateway {
				s.connected()
				s.slash = true
			}
			s.Say(to.Chat, "what?")
			in.await(t, "what?")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			thinking := func() bool {
				shown := s.Server.Shown(string(to.Chat))
				return len(shown) == 1 && shown[0].Thinking
			}
			if err := s.Wait(ctx, thinking); err != nil {
				t.Fatal(err)
			}
			long := strings.Repeat("word ", 500)
			r := core.Reply{ID: core.ReplyTo(in.nth(0).ID, 0), Final: true, To: to, Parts: []core.Part{core.Text{Text: long}}}
			first, err := a.Send(t.Context(), r)
			if err != nil || !first.More {
				t.Fatalf("%+v, %v", first, err)
			}
			if found, ok, err := a.Reconcile(t.Context(), r); err != nil || !ok || found.Message != first.Message || !found.More {
				t.Errorf("reconcile: %+v, %v, %v", found, ok, err)
			}
			r.Sent = []core.MessageID{first.Message}
			if _, ok, err := a.Reconcile(t.Context(), r); ok || err != nil {
				t.Errorf("reconcile of what was not sent: %v, %v", ok, err)
			}
			second, err := a.Send(t.Context(), r)
			if err != nil || second.More {
				t.Fatalf("%+v, %v", second, err)
			}
			if found, ok, err := a.Reconcile(t.Context(), r); err != nil || !ok || found.Message != second.Message {
				t.Errorf("reconcile: %+v, %v, %v", found, ok, err)
			}
			shown := s.Server.Shown(string(to.Chat))
			if len(shown) != 2 || shown[0].Thinking || strings.Join(strings.Fields(shown[0].Text+" "+shown[1].Text), " ") != strings.TrimSpace(long) {
				t.Errorf("%d messages are shown", len(shown))
			}
		})
	}
}

func TestWebhookBelievesOnlyDiscord(t *testing.T) {
	s := newSimulated(t, simulator.Options{})
	a := s.adapter(func(set *adapters.Settings, c *discord.Config) {
		set.PublicURL, c.Mode = "https://hub.example/webhooks/dc", discord.ModeInteractions
	})
	ping := []byte(`{"id":"1","type":1}`)
	for name, tc := range map[string]struct {
		at     time.Time
		change func(*http.Request)
		status int
		says   string
	}{
		"ping":         {time.Now(), func(*http.Request) {}, 200, `{"type":1}`},
		"stale":        {time.Now().Add(-6 * time.Minute), func(*http.Request) {}, 401, ""},
		"ahead":        {time.Now().Add(6 * time.Minute), func(*http.Request) {}, 401, ""},
		"no signature": {time.Now(), func(r *http.Request) { r.Header.Del("X-Signature-Ed25519") }, 401, ""},
		"other time":   {time.Now(), func(r *http.Request) { r.Header.Set("X-Signature-Timestamp", "1") }, 401, ""},
		"a get":        {time.Now(), func(r *http.Request) { r.Method = http.MethodGet }, 405, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(ping)))
			r.Header = s.Sign(ping, tc.at)
			tc.change(r)
			w := httptest.NewRecorder()
			a.Webhook(newInbox()).ServeHTTP(w, r)
			if w.Code != tc.status || w.Body.String() != tc.says {
				t.Errorf("status %d, %q", w.Code, w.Body.String())
			}
		})
	}
}

// A file is fetched from Discord's hosts only, and can be posted again.
func TestFiles(t *testing.T) {
	s := newSimulated(t, simulator.Options{})
	a, in, to := s.adapter(), newInbox(), s.Chat(0)
	run(t, a, in)
	s.connected()
	said := simulator.Utterance{
		Channel: string(to.Chat), From: s.user(to.Chat), Text: "look", Host: strings.TrimPrefix(s.url, "http://"),
		Files: []simulator.File{{Name: "a.txt", Type: "text/plain", Data: []byte("some bytes")}},
	}
	if _, err := s.Speak(said); err != nil {
		t.Fatal(err)
	}
	in.await(t, "look")
	media, ok := in.nth(0).Parts[0].(core.Media)
	if !ok || media.Kind != core.Document || media.Size != 10 || media.Name != "a.txt" || media.Caption != "look" {
		t.Fatalf("%+v", in.nth(0).Parts)
	}
	body, err := a.Fetch(t.Context(), media.File, 10)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if closed := body.Close(); string(data) != "some bytes" || err != nil || closed != nil {
		t.Errorf("%q, %v, %v", data, err, closed)
	}
	if _, err := a.Fetch(t.Context(), media.File, 9); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("too large: %v", err)
	}
	for _, address := range []string{"http://169.254.169.254/", "https://cdn.discordapp.com.evil.example/a", "https://cdn.discordapp.com:8443/a", "https://u@cdn.discordapp.com/a", "file:///etc/passwd"} {
		if _, err := a.Fetch(t.Context(), core.FileRef("1/2/3 "+address), 10); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%s: %v", address, err)
		}
	}
	r := core.Reply{ID: core.ReplyTo("envelope", 0), Final: true, To: to, Parts: []core.Part{media}}
	if _, err := a.Send(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	shown := s.Server.Shown(string(to.Chat))
	if last := shown[len(shown)-1]; len(last.Attachments) != 1 || last.Attachments[0].Size != 10 || last.Attachments[0].Filename != "a.txt" {
		t.Errorf("%+v", last)
	}
}

// TestAnswerAfterARestart: the token of an interaction outlives the process, and its
// deferred answer is given by the next one.
func TestAnswerAfterARestart(t *testing.T) {
	s := newSimulated(t, simulator.Options{})
	file := filepath.Join(t.TempDir(), "adapters.jsonl")
	life := func() *discord.Adapter {
		memory := alone.New()
		if err := memory.Remember(file, zerolog.Nop()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = memory.Close() })
		return s.adapter(func(set *adapters.Settings, c *discord.Config) {
			set.PublicURL, set.Memory, c.Mode = "https://hub.example/webhooks/dc", memory, discord.ModeInteractions
		})
	}
	first, in, to := life(), newInbox(), s.Chat(0)
	s.hook(first)
	s.Serve(first.Webhook(in))
	s.Say(to.Chat, "one")
	s.Say(to.Chat, "two")
	in.await(t, "one", "two")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Wait(ctx, func() bool { return len(s.Server.Shown(string(to.Chat))) == 2 }); err != nil {
		t.Fatal(err)
	}

	second := life()
	s.Serve(second.Webhook(in))
	s.Say(to.Chat, "three")
	in.await(t, "one", "two", "three")
	if err := s.Wait(ctx, func() bool { return len(s.Server.Shown(string(to.Chat))) == 3 }); err != nil {
		t.Fatal(err)
	}
	third := life() // what the second wrote anew holds all of them
	for i, text := range []string{"1", "2", "3"} {
		r := core.Reply{ID: core.ReplyTo(in.nth(i).ID, 0), Final: true, To: to, Parts: []core.Part{core.Text{Text: text}}}
		if _, err := third.Send(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	shown := s.Server.Shown(string(to.Chat))
	if len(shown) != 3 || shown[0].Text != "1" || shown[1].Text != "2" || shown[2].Text != "3" || shown[2].Thinking {
		t.Errorf("%+v", shown)
	}
}

// flaky is a memory that takes nothing until it is well.
type flaky struct {
	adapters.Memory
	well func() bool
}

func (f *flaky) Put(ctx context.Context, n core.Note, value []byte, ttl time.Duration) error {
	if !f.well() {
		return fault.New(fault.Retryable, "put", errors.New("no answer from Redis"))
	}
	return f.Memory.Put(ctx, n, value, ttl)
}

// TestAnswerOfAnotherNodeAfterAPause: what could not be remembered at once, or only when
// the envelope was stored already, is answered in its place by another node.
func TestAnswerOfAnotherNodeAfterAPause(t *testing.T) {
	for name, ill := range map[string]func(tries int, stored bool) bool{
		"for a moment":            func(tries int, _ bool) bool { return tries < 3 },
		"until it was stored too": func(_ int, stored bool) bool { return !stored },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulated(t, simulator.Options{})
			memory, in, to, tries := alone.New(), newInbox(), s.Chat(0), 0
			t.Cleanup(func() { _ = memory.Close() })
			node := func(m adapters.Memory) *discord.Adapter {
				return s.adapter(func(set *adapters.Settings, c *discord.Config) {
					set.PublicURL, set.Memory, c.Mode = "https://hub.example/webhooks/dc", m, discord.ModeInteractions
				})
			}
			one := node(&flaky{memory, func() bool {
				tries++
				return !ill(tries, len(in.texts()) > 0)
			}})
			s.hook(one)
			s.Serve(one.Webhook(in))
			s.Say(to.Chat, "question")
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := s.Wait(ctx, func() bool { return len(s.Server.Shown(string(to.Chat))) == 1 }); err != nil {
				t.Fatal(err)
			}
			r := core.Reply{ID: core.ReplyTo(in.nth(0).ID, 0), Final: true, To: to, Parts: []core.Part{core.Text{Text: "answer"}}}
			if _, err := node(memory).Send(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if shown := s.Server.Shown(string(to.Chat)); len(shown) != 1 || shown[0].Text != "answer" || shown[0].Thinking {
				t.Errorf("%+v", shown)
			}
		})
	}
}
