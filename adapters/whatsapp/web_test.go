//go:build !nowhatsmeow

package whatsapp_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/whatsapp"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	websim "github.com/parley-hub/parley/simulators/whatsapp/web"
)

// awaited is an inbox to wait at.
type awaited struct {
	*inbox
	up   chan struct{}
	once sync.Once
}

func newAwaited() *awaited { return &awaited{inbox: newInbox(), up: make(chan struct{})} }

// Connected is told by the adapter.
func (in *awaited) Connected() { in.once.Do(func() { close(in.up) }) }

func (s *linked) ctx() context.Context {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	s.t.Cleanup(cancel)
	return ctx
}

// until waits for something that shows on the platform.
func (s *linked) until(what string, cond func() bool) {
	s.t.Helper()
	if err := s.sim.Wait(s.ctx(), cond); err != nil {
		s.t.Fatalf("%s: %v\n%s", what, err, s.story())
	}
}

// await waits until the inbox has n envelopes, and gives them.
func (s *linked) await(in *awaited, n int) []core.Envelope {
	s.t.Helper()
	ctx := s.ctx()
	for len(in.all()) < n {
		select {
		case <-in.bell:
		case <-ctx.Done():
			s.t.Fatalf("%d of %d messages came\n%s", len(in.all()), n, s.story())
		}
	}
	return in.all()
}

// run runs an adapter until stop is called or it fails; ended gives what it returned.
func (s *linked) run(a *whatsapp.Web, in *awaited) (stop func(), ended <-chan error) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	out := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		out <- a.Run(ctx, in)
	}()
	stop = func() { cancel(); <-done }
	s.t.Cleanup(stop)
	return stop, out
}

// connected is run, and waits for the login.
func (s *linked) connected(a *whatsapp.Web) (in *awaited, stop func(), ended <-chan error) {
	s.t.Helper()
	in = newAwaited()
	stop, ended = s.run(a, in)
	select {
	case <-in.up:
	case err := <-ended:
		s.t.Fatalf("it ended: %v", err)
	case <-s.ctx().Done():
		s.t.Fatalf("it does not connect\n%s", s.story())
	}
	return in, stop, ended
}

// paired is a platform with an adapter that is linked.
func paired(t *testing.T) (*linked, *whatsapp.Web) {
	s := startWeb(t, websim.Options{})
	a := s.adapter(zerolog.Nop())
	s.pair(a)
	return s, a
}

func (s *linked) send(a *whatsapp.Web, r core.Reply) core.Receipt {
	s.t.Helper()
	receipt, err := a.Send(s.ctx(), r)
	if err != nil {
		s.t.Fatalf("send: %v\n%s", err, s.story())
	}
	return receipt
}

func (s *linked) wantShown(chat core.ChatID, want ...string) {
	s.t.Helper()
	if got := s.Shown(chat); !slices.Equal(got, want) {
		s.t.Errorf("the chat shows %q, want %q\n%s", got, want, s.story())
	}
}

// What the inbox refused, and all behind it, comes again in its order.
func TestWebRefusedComesAgain(t *testing.T) {
	s, a := paired(t)
	in := newAwaited()
	refusals := 0
	in.refuse = func(e core.Envelope) error {
		if e.Text() == "two" && refusals < 2 {
			refusals++
			return errors.New("the disk is full")
		}
		return nil
	}
	chat := s.Chat(0).Chat
	for _, text := range []string{"one", "two", "three"} {
		s.Say(chat, text)
	}
	for range 2 {
		if err := a.Run(s.ctx(), in); fault.ClassOf(err) != fault.Retryable || !strings.Contains(err.Error(), "disk is full") {
			t.Fatalf("Run: %v", err)
		}
	}
	stop, _ := s.run(a, in)
	var texts []string
	for _, e := range s.await(in, 3) {
		texts = append(texts, e.Text())
	}
	if !slices.Equal(texts, []string{"one", "two", "three"}) {
		t.Errorf("came %q", texts)
	}
	s.until("the acks", func() bool { return s.sim.Pending(webBot) == 0 })
	stop()
	s.noProblems()
}

func TestWebStoredThenDroppedIsShownOnce(t *testing.T) {
	s, a := paired(t)
	to := s.Chat(0)
	r := text("e.0", to, "hello")
	s.sim.Inject(websim.Fault{Kind: websim.FaultDropAfter, At: "message"})
	if _, err := a.Send(s.ctx(), r); !fault.IsUnsure(err) {
		t.Fatalf("the outcome is not unknown: %v", err)
	}
	s.wantShown(to.Chat, "hello")
	if _, found, err := a.Reconcile(s.ctx(), r); found || err != nil {
		t.Fatalf("found %v, %v", found, err)
	}
	again := s.adapter(zerolog.Nop()) // another life of the hub
	if got := s.send(again, r); got.Message == "" {
		t.Error("no id")
	}
	s.wantShown(to.Chat, "hello")
}

func TestWebGarbledMessagesAreAskedForAgain(t *testing.T) {
	s, a := paired(t)
	in, stop, _ := s.connected(a)
	chat := s.Chat(0)
	s.Say(chat.Chat, "first")
	s.await(in, 1)
	s.sim.Inject(websim.Fault{Kind: websim.FaultGarble, At: "delivery"})
	s.Say(chat.Chat, "second")
	if got := s.await(in, 2)[1]; got.Text() != "second" {
		t.Errorf("came %q", got.Text())
	}
	s.sim.Inject(websim.Fault{Kind: websim.FaultGarble, At: "message", Chat: string(chat.Chat)})
	s.send(a, text("e.0", chat, "hello"))
	s.until("the answer to the phone that could not read it", func() bool { return slices.Equal(s.Shown(chat.Chat), []string{"hello"}) })
	stop()
}

// A phone that asks for a message after a restart gets it from what the hub recorded.
func TestWebAsksAreAnsweredAfterARestart(t *testing.T) {
	s, a := paired(t)
	chat := s.Chat(0)
	s.send(a, text("e.0", chat, "so that there is a session"))
	r := text("e.1", chat, strings.Repeat("word ", 1000))
	first := s.send(a, r)
	r.Sent = []core.MessageID{first.Message}
	s.sim.Inject(websim.Fault{Kind: websim.FaultGarble, At: "message"})
	second := s.send(a, r) // the phone asks while nobody listens, or hardly

	var asked atomic.Int64
	later := s.adapter(zerolog.Nop(), func(st *adapters.Settings) {
		st.Sent = func(_ context.Context, in core.ChatID, m core.MessageID) (core.Reply, bool, error) {
			if asked.Add(1) == 1 || in != chat.Chat || m != second.Message { // not recorded yet, the first time
				return core.Reply{}, false, nil
			}
			return r, true, nil
		}
	})
	_, stop, _ := s.connected(later)
	s.until("the second piece", func() bool {
		shown := s.Shown(chat.Chat)
		return len(shown) == 3 && strings.HasPrefix(shown[2], "word word")
	})
	stop()
}

// Connections end while a phone is being answered that could not read a message: the next
// one answers it.
func TestWebAsksOutliveTheirConnection(t *testing.T) {
	s, _ := paired(t)
	chat := s.Chat(0)
	r := text("e.0", chat, "hello")
	forgetful := s.adapter(zerolog.Nop(), func(st *adapters.Settings) {
		st.Sent = func(context.Context, core.ChatID, core.MessageID) (core.Reply, bool, error) {
			return core.Reply{}, false, nil
		}
	})
	s.sim.Inject(websim.Fault{Kind: websim.FaultGarble, At: "message"})
	message := s.send(forgetful, r) // the phone asks while nobody listens, or hardly
	var round atomic.Int64
	var cut [2]sync.Once
	in := newAwaited()
	later := s.adapter(zerolog.Nop(), func(st *adapters.Settings) {
		st.Sent = func(ctx context.Context, at core.ChatID, m core.MessageID) (core.Reply, bool, error) {
			n := int(round.Load())
			if n == len(cut) {
				return r, at == chat.Chat && m == message.Message, nil
			}
			cut[n].Do(func() { // the bot's own phone asks, too
				s.Say(chat.Chat, "next") // is taken up when the ask was acknowledged, or not
				s.await(in, n+1)
				if err := s.sim.Disconnect(webBot); err != nil {
					t.Error(err)
				}
			})
			<-ctx.Done()
			return core.Reply{}, false, ctx.Err()
		}
	})
	for range cut {
		if err := later.Run(s.ctx(), in); fault.ClassOf(err) != fault.Retryable {
			t.Fatalf("a connection that was lost: %v\n%s", err, s.story())
		}
		round.Add(1)
	}
	_, stop, _ := s.connected(later)
	s.until("the message", func() bool { return slices.Equal(s.Shown(chat.Chat), []string{"hello"}) })
	stop()
}

func TestWebEndsThatNeedAHuman(t *testing.T) {
	for name, tc := range map[string]struct {
		end   func(s *linked)
		says  string
		stays bool
	}{
		"logged out": {func(s *linked) { _ = s.sim.Logout(webBot) }, "parley pair wa-web", false},
		"replaced":   {func(s *linked) { _ = s.sim.Replace(webBot) }, "another process", true},
		"banned":     {func(s *linked) { s.sim.Ban(webBot) }, "banned", true},
		"outdated":   {func(s *linked) { s.sim.Outdated(webBot) }, "newer Parley", true},
	} {
		t.Run(name, func(t *testing.T) {
			s, a := paired(t)
			_, _, ended := s.connected(a)
			tc.end(s)
			err := <-ended
			for range 3 { // those who may not log in any more lose their connection first
				if fault.ClassOf(err) != fault.Retryable {
					break
				}
				err = a.Run(s.ctx(), newAwaited())
			}
			if fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: %v", fault.ClassOf(err), err)
			}
			if _, err := a.Send(s.ctx(), text("e.0", s.Chat(0), "hello")); fault.ClassOf(err) != fault.NeedsHuman || fault.IsUnsure(err) {
				t.Errorf("Send: %v", err)
			}
			if paired, err := a.Paired(s.ctx()); err != nil || paired != tc.stays {
				t.Errorf("paired %v, %v", paired, err)
			}
		})
	}
}

func TestWebComesBackAfterADrop(t *testing.T) {
	s, a := paired(t)
	in, _, ended := s.connected(a)
	if err := s.sim.Disconnect(webBot); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; fault.ClassOf(err) != fault.Retryable {
		t.Fatalf("a drop: %v", err)
	}
	s.Say(s.Chat(0).Chat, "meanwhile")
	stop, _ := s.run(a, in)
	if got := s.await(in, 1)[0]; got.Text() != "meanwhile" {
		t.Errorf("came %q", got.Text())
	}
	stop()
}

// A server that accepts the connection and then says nothing does not hold Run.
func TestWebEndsWhileTheServerIsSilent(t *testing.T) {
	s, a := paired(t)
	hold := s.sim.Inject(websim.Fault{Kind: websim.FaultDelay, At: "upgrade"})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, newAwaited()) }()
	if err := hold.WaitHits(s.ctx(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	hold.Release()
}

func TestWebNeedsADataDirectory(t *testing.T) {
	s := startWeb(t, websim.Options{})
	for _, dir := range []string{"", s.dir + "/not/there"} {
		a := s.adapter(zerolog.Nop(), func(st *adapters.Settings) { st.StateDir = dir })
		for what, err := range map[string]error{
			"Run": a.Run(s.ctx(), newAwaited()), "Pair": a.Pair(s.ctx(), func(adapters.PairingCode) {}),
		} {
			if fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), "data directory") {
				t.Errorf("%s in %q: %v", what, dir, err)
			}
		}
	}
	a := s.adapter(zerolog.Nop())
	s.pair(a)
	info, err := os.Stat(s.dir + "/whatsapp-wa-web.db")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the store is %v, %v", info, err)
	}
}

func TestWebPairing(t *testing.T) {
	s := startWeb(t, websim.Options{})
	var log bytes.Buffer
	var mu sync.Mutex
	a := s.adapter(zerolog.New(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	})))
	err := a.Run(s.ctx(), newAwaited())
	if fault.ClassOf(err) != fault.NeedsHuman || !strings.Contains(err.Error(), "parley pair wa-web") {
		t.Errorf("Run before it is linked: %v", err)
	}
	if _, err := a.Send(s.ctx(), text("e.0", s.Chat(0), "x")); fault.ClassOf(err) != fault.NeedsHuman {
		t.Errorf("Send before it is linked: %v", err)
	}
	if is, err := a.Paired(s.ctx()); is || err != nil {
		t.Errorf("linked %v, %v", is, err)
	}

	var codes []string
	ctx, cancel := context.WithCancel(s.ctx())
	if err := a.Pair(ctx, func(c adapters.PairingCode) { codes = append(codes, c.Text); cancel() }); err == nil {
		t.Error("a pairing that was called off succeeded")
	}

	// Another process links it; this one finds it linked.
	s.pair(s.adapter(zerolog.Nop()))
	if is, err := a.Paired(s.ctx()); !is || err != nil {
		t.Errorf("linked %v, %v", is, err)
	}
	_, stop, _ := s.connected(a)
	if err := a.Pair(s.ctx(), func(adapters.PairingCode) { t.Error("a code is shown") }); !errors.Is(err, adapters.ErrPaired) {
		t.Errorf("pairing again: %v", err)
	}
	stop()
	mu.Lock()
	defer mu.Unlock()
	for _, c := range append(codes, webBot, webBotLID) {
		if strings.Contains(log.String(), c) {
			t.Errorf("the log holds %q", c)
		}
	}
	s.noProblems()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A page of the hub links the account while its receiver is tried again and again.
func TestWebPairsWhileItIsTried(t *testing.T) {
	s := startWeb(t, websim.Options{})
	a := s.adapter(zerolog.Nop())
	in := newAwaited()
	ctx, cancel := context.WithCancel(s.ctx())
	defer cancel()
	tried, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := a.Run(ctx, in); err != nil && fault.ClassOf(err) != fault.NeedsHuman {
				t.Errorf("Run: %v", err)
			}
			select {
			case tried <- struct{}{}:
			default:
			}
		}
	}()
	<-tried
	s.pair(a)
	s.Say(s.Chat(0).Chat, "hello")
	s.await(in, 1)
	cancel()
	<-ended
}
