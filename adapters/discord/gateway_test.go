package discord_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/discord"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	simulator "github.com/parley-hub/parley/simulators/discord"
)

// inbox keeps what it is given, each envelope once; refuse may turn something away.
type inbox struct {
	mu     sync.Mutex
	got    []core.Envelope
	again  int
	refuse func(core.Envelope) error
	bell   chan struct{}
}

func newInbox() *inbox { return &inbox{bell: make(chan struct{}, 1)} }

func (in *inbox) Accept(_ context.Context, e core.Envelope) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.refuse != nil {
		if err := in.refuse(e); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(in.got, func(o core.Envelope) bool { return o.ID == e.ID }) {
		in.again++
		return nil
	}
	in.got = append(in.got, e)
	in.ring()
	return nil
}

func (in *inbox) Connected() { in.ring() }

func (in *inbox) ring() {
	select {
	case in.bell <- struct{}{}:
	default:
	}
}

func (in *inbox) texts() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []string
	for _, e := range in.got {
		if e.Kind == core.KindMessage {
			out = append(out, e.Text())
		}
	}
	return out
}

func (in *inbox) nth(i int) core.Envelope {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.got[i]
}

// awaitAny waits for so many messages, in whatever order.
func (in *inbox) awaitAny(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(patience)
	for len(in.texts()) < n {
		select {
		case <-in.bell:
		case <-deadline:
			t.Fatalf("stored %q, want %d", in.texts(), n)
		}
	}
}

func (in *inbox) await(t *testing.T, want ...string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		if got := in.texts(); slices.Equal(got, want) {
			return
		} else if len(got) > len(want) {
			t.Fatalf("stored %q, want %q", got, want)
		}
		select {
		case <-in.bell:
		case <-deadline:
			t.Fatalf("stored %q, want %q", in.texts(), want)
		}
	}
}

// run starts one life of the adapter; its error comes from the channel.
func run(t *testing.T, a adapters.Adapter, in adapters.Inbox) (stop func(), ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var all sync.WaitGroup
	all.Go(func() { done <- a.Run(ctx, in) })
	stop = func() { cancel(); all.Wait() }
	t.Cleanup(stop)
	return stop, done
}

// supervise starts the adapter again whenever it fails: a lost session is found out
// by trying.
func supervise(t *testing.T, a adapters.Adapter, in adapters.Inbox) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			if err := a.Run(ctx, in); err != nil && fault.ClassOf(err) != fault.Retryable {
				t.Errorf("class %s: %v", fault.ClassOf(err), err)
			}
		}
	})
	t.Cleanup(func() { cancel(); all.Wait() })
}

func fails(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		if strings.Contains(err.Error(), token) {
			t.Error("an error holds the token")
		}
		return err
	case <-time.After(patience):
		t.Fatal("Run does not end")
		return nil
	}
}

func (s *simulated) connected() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := s.Wait(ctx, func() bool { return s.Connected() > 0 }); err != nil {
		s.t.Fatal(err)
	}
}

// What goes wrong with a connection ends Run with a fault, and the next Run goes on
// where it ended.
func TestGatewayGoesOn(t *testing.T) {
	for name, tc := range map[string]struct {
		harm  func(s *simulated)
		class fault.Class
	}{
		"asked to reconnect": {func(s *simulated) { s.Reconnect() }, fault.Retryable},
		"session not taken":  {func(s *simulated) { s.Invalidate(true) }, fault.Retryable},
		"session lost":       {func(s *simulated) { s.Invalidate(false) }, fault.Retryable},
		"cut":                {func(s *simulated) { s.DropSockets() }, fault.Retryable},
		"unknown error":      {func(s *simulated) { s.CloseSockets(4000) }, fault.Retryable},
		"session timed out":  {func(s *simulated) { s.CloseSockets(simulator.CloseSessionTimedOut) }, fault.Retryable},
		"too many frames":    {func(s *simulated) { s.CloseSockets(4008) }, fault.RateLimited},
		"restarted":          {func(s *simulated) { s.ForgetSessions(); s.DropSockets() }, fault.Retryable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulated(t, simulator.Options{})
			a, in := s.adapter(), newInbox()
			chat := s.Chat(0).Chat
			_, ended := run(t, a, in)
			s.connected()
			s.Say(chat, "one")
			in.await(t, "one")
			tc.harm(s)
			if err := fails(t, ended); fault.ClassOf(err) != tc.class {
				t.Errorf("class %s: %v", fault.ClassOf(err), err)
			}
			s.Say(chat, "two")
			s.Say(chat, "three")
			supervise(t, a, in)
			in.await(t, "one", "two", "three")
		})
	}
}

// What only a human can mend says so, and where.
func TestTerminalCloseCodes(t *testing.T) {
	for code, says := range map[int]string{4004: "token", 4010: "shard", 4011: "shard", 4012: "version", 4013: "intents", 4014: "MESSAGE CONTENT INTENT"} {
		s := newSimulated(t, simulator.Options{})
		_, ended := run(t, s.adapter(), newInbox())
		s.connected()
		s.CloseSockets(code)
		if err := fails(t, ended); fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), says) {
			t.Errorf("%d: class %s: %v", code, fault.ClassOf(err), err)
		}
	}
	s := newSimulated(t, simulator.Options{NoMessageContent: true})
	_, ended := run(t, s.adapter(), newInbox())
	if err := fails(t, ended); fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), "/applications/"+application) {
		t.Errorf("class %s: %v", fault.ClassOf(err), err)
	}
}

// A connection without HELLO holds nobody up who ends Run.
func TestSilentSocket(t *testing.T) {
	s := newSimulated(t, simulator.Options{})
	s.Inject(simulator.Fault{Kind: simulator.FaultSilent})
	stop, ended := run(t, s.adapter(), newInbox())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Wait(ctx, func() bool { return s.Sockets() > 0 }); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Heartbeats that nobody acknowledges end the connection, and its session is kept.
func TestZombie(t *testing.T) {
	s := newSimulated(t, simulator.Options{Heartbeat: 20 * time.Millisecond})
	s.Inject(simulator.Fault{Kind: simulator.FaultNoAck})
	a, in := s.adapter(), newInbox()
	_, ended := run(t, a, in)
	if err := fails(t, ended); fault.ClassOf(err) != fault.Retryable || !strings.Contains(err.Error(), "heartbeats") {
		t.Errorf("class %s: %v", fault.ClassOf(err), err)
	}
	s.Say(s.Chat(0).Chat, "said meanwhile")
	run(t, a, in)
	in.await(t, "said meanwhile")
}

// What was not stored comes again, in order, and nothing overtakes it.
func TestRefusedComesAgain(t *testing.T) {
	s := newSimulated(t, simulator.Options{})
	a, in := s.adapter(), newInbox()
	chat := s.Chat(0).Chat
	refuse := true
	in.refuse = func(e core.Envelope) error {
		if refuse && e.Text() == "two" {
			return fault.New(fault.Retryable, "accept", errors.New("full"))
		}
		return nil
	}
	_, ended := run(t, a, in)
	s.connected()
	for _, text := range []string{"one", "two", "three"} {
		s.Say(chat, text)
	}
	if err := fails(t, ended); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("class %s: %v", fault.ClassOf(err), err)
	}
	if got := in.texts(); !slices.Equal(got, []string{"one"}) {
		t.Errorf("stored %q", got)
	}
	in.mu.Lock()
	refuse = false
	in.mu.Unlock()
	run(t, a, in)
	in.await(t, "one", "two", "three")
}

// A new process with the session file receives what was said while none ran, even
// when the session is gone.
func TestSessionFile(t *testing.T) {
	for name, forget := range map[string]bool{"resumed": false, "caught up": true} {
		t.Run(name, func(t *testing.T) {
			s := newSimulated(t, simulator.Options{})
			path := filepath.Join(t.TempDir(), "session.json")
			next := func() *discord.Adapter {
				return s.adapter(func(_ *adapters.Settings, c *discord.Config) { c.SessionFile = path })
			}
			in, chat := newInbox(), s.Chat(0).Chat
			stop, _ := run(t, next(), in)
			s.connected()
			s.Say(chat, "one")
			in.await(t, "one")
			stop()
			if forget {
				s.ForgetSessions()
			}
			for i := range 120 {
				s.Say(chat, "more "+strings.Repeat("x", i))
			}
			second := next()
			want := []string{"one"}
			for i := range 120 {
				want = append(want, "more "+strings.Repeat("x", i))
			}
			supervise(t, second, in)
			in.await(t, want...)
		})
	}
}

// While it catches up it waits as it is told, in the session it has: each new one counts.
func TestCatchUpIsPatient(t *testing.T) {
	s := newSimulated(t, simulator.Options{})
	a, in := s.adapter(), newInbox()
	chats := []core.ChatID{s.Chat(0).Chat, s.Chat(1).Chat}
	stop, _ := run(t, a, in)
	s.connected()
	for i, chat := range chats {
		s.Say(chat, "before "+string(rune('a'+i)))
	}
	in.awaitAny(t, 2)
	stop()
	s.ForgetSessions()
	for i, chat := range chats {
		s.Say(chat, "meanwhile "+string(rune('a'+i)))
	}
	s.Inject(simulator.Fault{Kind: simulator.FaultRateLimit, Call: "list_messages", Channel: string(chats[1]), RetryAfter: 0.05, Count: 3})
	s.Inject(simulator.Fault{Kind: simulator.FaultError, Call: "list_messages", Channel: string(chats[0]), Status: 403, Code: 50001, Message: "Missing Access"})
	supervise(t, a, in)
	in.awaitAny(t, 3)
	if got := in.texts(); got[2] != "meanwhile b" {
		t.Errorf("stored %q", got)
	}
	begun := 0
	for _, c := range s.Calls() {
		if c.Name == "gateway_bot" {
			begun++
		}
	}
	if begun > 3 { // the first, the one to resume, the one that began anew
		t.Errorf("%d connections", begun)
	}
}

func TestPlacesAndThreads(t *testing.T) {
	s := newSimulated(t, simulator.Options{})
	ann := s.AddUser("Ann")
	guild := s.AddGuild("Team", ann)
	general := s.AddChannel(guild, "general")
	thread, err := s.AddThread(general, "side")
	if err != nil {
		t.Fatal(err)
	}
	a, in := s.adapter(), newInbox()
	run(t, a, in)
	s.connected()
	for _, said := range []struct{ channel, text string }{
		{general, "chatter"}, {thread, "in the thread"}, {general, "<@&" + s.BotRole(guild) + "> by role"}, {general, "<@" + application + "> by name"},
	} {
		if _, err := s.Server.Say(said.channel, ann, said.text); err != nil {
			t.Fatal(err)
		}
	}
	in.await(t, "chatter", "in the thread", "by role", "by name")
	group := core.Conversation{Account: "dc", Place: core.Group, Chat: core.ChatID(general)}
	inThread := group
	inThread.Thread = core.ThreadID(thread)
	for i, want := range []struct {
		in        core.Conversation
		addressed bool
	}{{group, false}, {inThread, false}, {group, true}, {group, true}} {
		if e := in.nth(i); e.In != want.in || e.Addressed != want.addressed {
			t.Errorf("%q: in %+v, addressed %v", e.Text(), e.In, e.Addressed)
		}
	}
	if _, err := a.Send(t.Context(), core.Reply{ID: "e.0", Final: true, To: inThread, Parts: []core.Part{core.Text{Text: "there"}}}); err != nil {
		t.Fatal(err)
	}
	if shown := s.Server.Shown(thread); len(shown) != 2 || shown[1].Text != "there" {
		t.Errorf("the thread shows %+v", shown)
	}
}
