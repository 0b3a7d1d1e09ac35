//go:build !nowhatsmeow

package playground

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/console"
)

const webPhone = "wa-web"

// startIn is start with a place for linked devices, and without an end of its own.
func startIn(t *testing.T, dir string) (p *Playground, stop func()) {
	t.Helper()
	p, err := New(&configs.Config{Shutdown: time.Minute, DataDir: dir}, zerolog.New(zerolog.NewTestWriter(t)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	return p, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// pairIt links the phone and waits until the hub is to start again.
func pairIt(t *testing.T, p *Playground) {
	t.Helper()
	if l := p.Linking(webPhone); l == nil || l.Code != "" || l.Busy != "" {
		t.Fatalf("before: %+v", l)
	}
	if err := p.Pair(t.Context(), webPhone); err != nil {
		t.Fatal(err)
	}
	if l := p.Linking(webPhone); l == nil || l.Code == "" || !l.Until.After(time.Now()) {
		t.Fatalf("no code: %+v", l)
	}
	if err := p.Scan(t.Context(), webPhone); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Restarts():
	case <-time.After(patience):
		t.Fatalf("the hub is not asked to start again: %+v", p.Linking(webPhone))
	}
	if l := p.Linking(webPhone); l != nil {
		t.Errorf("linked, and the page is told %+v", l)
	}
	if _, joined := p.Accounts()[webPhone]; !joined {
		t.Error("the account does not join")
	}
}

// TestLinking links the phone with the real adapter, logs it out, and links it again; a
// playground that comes later does not know the device, and it is linked anew.
func TestLinking(t *testing.T) {
	dir := t.TempDir()
	p, stop := startIn(t, dir)
	if _, joined := p.Accounts()[webPhone]; joined {
		t.Error("an account that nobody linked")
	}
	if err := p.Scan(t.Context(), webPhone); fault.Public(err) != errNoCode.Error() {
		t.Errorf("scanned nothing: %v", err)
	}
	pairIt(t, p)
	if err := p.Pair(t.Context(), "slack"); fault.ClassOf(err) != fault.Permanent || p.Linking("slack") != nil {
		t.Errorf("Slack needs no code: %v", err)
	}
	if err := p.Fail(t.Context(), webPhone, string(faultUnlink)); err != nil {
		t.Fatal(err)
	}
	if _, joined := p.Accounts()[webPhone]; joined {
		t.Error("the account of a device that was logged out")
	}
	pairIt(t, p)
	stop()
	if _, err := os.Stat(filepath.Join(dir, "whatsapp-wa-web.db")); err != nil {
		t.Fatal(err)
	}
	p, stop = startIn(t, dir)
	defer stop()
	pairIt(t, p)
}

// unread is a phone whose hub shows codes that nobody scans.
type unread struct {
	whatsAppWeb
	err error
}

func (u unread) adapter(configs.Channel, string) (adapters.Adapter, error) {
	return pairer{err: u.err}, nil
}

type pairer struct {
	adapters.Adapter
	err error
}

func (pairer) Paired(context.Context) (bool, error) { return false, nil }

func (p pairer) Pair(_ context.Context, show func(adapters.PairingCode)) error {
	show(adapters.PairingCode{Text: "one", For: time.Minute})
	show(adapters.PairingCode{Text: "two", For: 20 * time.Second})
	return p.err
}

// TestCodesExpire shows codes until they are used up: the phone says so, and offers new ones.
func TestCodesExpire(t *testing.T) {
	p, stop := startIn(t, t.TempDir())
	defer stop()
	l := p.seat(webPhone).linker
	l.phone = unread{l.phone.(whatsAppWeb), fault.New(fault.Retryable, "pair", adapters.ErrCodesExpired)}
	for range 2 {
		if err := p.Pair(t.Context(), webPhone); err != nil {
			t.Fatal(err)
		}
		var said console.Linking
		for said.Problem == "" { // the codes are gone in a moment
			if state := p.Linking(webPhone); state != nil {
				said = *state
			}
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
		}
		if said.Code != "" || said.Busy != "" || said.Problem != "No code was scanned in time, and the last one has expired." {
			t.Errorf("%+v", said)
		}
	}
	if len(p.Restarts()) != 0 || len(p.Accounts()) != 4 {
		t.Error("the hub starts again for nothing")
	}
	if err := (closed{}).Accept(t.Context(), core.Envelope{}); fault.ClassOf(err) != fault.Retryable {
		t.Error(err)
	}
}
