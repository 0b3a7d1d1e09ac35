//go:build !nowhatsmeow

package e2e

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	simulator "github.com/parley-hub/parley/simulators/whatsapp/web"
	"github.com/parley-hub/parley/test/hubtest"
)

const (
	webNumber = "4915551000"
	webPerson = "16505550007"
)

// TestPairing links a device with the command while the hub runs: the hub says what is
// missing, and comes to life by itself.
func TestPairing(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{})
	t.Cleanup(sim.Close)
	sim.AddNumber(simulator.Number{Phone: webNumber, Name: "Parley"})
	sim.AddPerson(simulator.Person{Phone: webPerson, Name: "Ann", ByLID: true})
	key := simulator.RootKey()
	w := newWorld(t, setup{config: map[string]string{"channels": fmt.Sprintf(
		`{wa-web: {platform: whatsapp, mode: web, api_url: %q, root_key: %q}, telegram: {token: TOKEN, api_url: "API"}}`,
		hubtest.Serve(t, sim), hex.EncodeToString(key[:]))}})
	w.hub.Start()
	w.eventually("/readyz says what to do", func() bool {
		_, body, err := w.hub.Get("/readyz")
		return err == nil && strings.Contains(body, "needs_human") && strings.Contains(body, "parley pair wa-web")
	})

	var code string
	w.hub.Pair("wa-web", func(ctx context.Context, text string) error {
		code = text
		return sim.Scan(ctx, webNumber, text)
	})
	if _, err := sim.Say(webNumber, webPerson, "hello"); err != nil { // the hub has not noticed yet
		t.Fatal(err)
	}
	w.hub.WaitReady() // it looks again within a minute
	w.eventually("it answers", func() bool {
		for _, m := range sim.Shown(webNumber, webPerson) {
			if m.ByBot && m.Text == "You said: hello" {
				return true
			}
		}
		return false
	})

	run := func(args ...string) hubtest.Result {
		return hubtest.Run(t, w.hub.Dir, nil, append(args, "--config", filepath.Join(w.hub.Dir, "parley.yaml"))...)
	}
	same(t, "pairing again", hubtest.Result{
		Out: "wa-web is linked already. To link it anew, log the device out on the phone first.\n",
	}, run("pair", "wa-web"))
	for account, says := range map[string]string{
		"telegram": "is not linked by a code; it needs none; these are: wa-web", "nobody": `account "nobody" is not configured; these are: wa-web`,
	} {
		if got := run("pair", account); got.Code != 2 || !strings.Contains(got.ErrOut, says) {
			t.Errorf("pair %s: %+v", account, got)
		}
	}
	if code == "" || w.hub.Count(code)+w.hub.Count(webNumber)+w.hub.Count(webPerson) > 0 {
		t.Error("the log holds a code or a number")
	}
}
