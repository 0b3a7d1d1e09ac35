//go:build !nowhatsmeow

package web

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/rs/zerolog"

	simulator "github.com/parley-hub/parley/simulators/whatsapp/web"
)

// Codes are renewed as they expire, and when none was scanned it says so.
func TestCodesExpireUnread(t *testing.T) {
	sim := simulator.New(simulator.Options{})
	listener := httptest.NewServer(sim)
	defer listener.Close()
	defer sim.Close()
	endpoint, err := url.Parse(listener.URL)
	if err != nil {
		t.Fatal(err)
	}
	key := simulator.RootKey()
	d := New(Options{
		Account: "wa", Dir: t.TempDir(), Endpoint: endpoint, RootKey: key[:], Log: zerolog.Nop(),
		Sent:    func(context.Context, Address, string) (Outgoing, bool) { return Outgoing{}, false },
		Revoked: func(context.Context, string) {}, Gone: func(string) bool { return false },
	})
	d.qrFirst, d.qrNext = 2*time.Millisecond, time.Millisecond
	seen := map[string]bool{}
	var valid []time.Duration
	err = d.Pair(t.Context(), func(c Code) {
		seen[c.Text] = true
		valid = append(valid, c.For)
	})
	if !errors.Is(err, ErrUnread) {
		t.Errorf("nobody scanned: %v", err)
	}
	if len(valid) < 2 || len(seen) != len(valid) || valid[0] != d.qrFirst || valid[1] != d.qrNext {
		t.Errorf("%d codes, %d of them different, valid for %v", len(valid), len(seen), valid)
	}
	if paired, err := d.Paired(t.Context()); paired || err != nil {
		t.Errorf("paired %v, %v", paired, err)
	}
}
