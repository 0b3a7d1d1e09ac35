//go:build !nowhatsmeow

package e2e

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
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

// TestWebPhoneInBrowser turns the switch of the WhatsApp phone, scans the code that the
// hub shows, and talks over the linked device: also after a restart of the hub, and after
// the phone threw it out. The Cloud phone goes on beside it.
func TestWebPhoneInBrowser(t *testing.T) {
	t.Parallel()
	b, h := openPlayground(t)
	link := `document.querySelector("#link-wa-web")`
	b.until(`document.querySelectorAll(".pill.bad").length === 0 && !document.querySelector("#phone-wa-web").checkVisibility()`)
	b.click(".slot.whatsapp .modes label:nth-of-type(2)")
	b.until(`document.querySelector("#phone-wa-web").checkVisibility() && !document.querySelector("#phone-whatsapp").checkVisibility()`)
	b.until(`document.querySelector("#phone-wa-web .remark").textContent.includes("Unofficial")`)
	pair := func() {
		b.click("#link-wa-web button")
		b.until(link + `.querySelector("svg.qr path:nth-of-type(2)")?.getBoundingClientRect().width > 100`)
		b.look("wa-web-code")
		b.click(`#link-wa-web button[formaction="/scan"]`)
		b.until(link + `.childElementCount === 0 && document.querySelector("#health-wa-web .up") !== null`)
	}
	pair()
	answered := func(n int, text string) {
		b.write("wa-web", text)
		b.until(pane("wa-web-ada") + `.querySelectorAll(".bot").length === ` + fmt.Sprint(n))
		b.until(pane("wa-web-ada") + `.querySelector(".bot:last-child")?.textContent.includes("/whoami")`)
	}
	answered(1, "/help")
	answered(2, "Tell me something")
	b.until(`document.querySelector("#chat-wa-web-ada .me .ticks.read") !== null`)
	b.click("#phone-wa-web .attach summary")
	b.click("#phone-wa-web .sheet button")
	b.until(pane("wa-web-ada") + `.querySelector(".me img")?.naturalWidth === 480`)
	b.until(pane("wa-web-ada") + `.querySelectorAll(".bot").length === 3`)
	b.until(`document.querySelectorAll(".pill.bad").length === 0`)
	b.look("wa-web-chat")

	ups := h.Count("parley is up")
	b.click(".troubles button")
	b.until(`document.querySelector("#notes-hub").textContent.includes("The hub is back after")`)
	b.until(`document.querySelector("#live.on") && document.querySelector("#health-wa-web .up")`)
	answered(4, "/help")
	b.click("#phone-wa-web .places label:nth-of-type(2)")
	b.write("wa-web", "@parley /whoami")
	b.until(pane("wa-web-group") + `.querySelector(".bot .words")?.textContent.includes("Place: group")`)
	b.click("#phone-wa-web .places label:nth-of-type(1)")

	b.click("#phone-wa-web .faults summary")
	b.click(`#phone-wa-web .faults button[formaction="/fail?fault=unlink"]`)
	b.until(`document.querySelector("#health-wa-web .out")?.textContent.includes("logged out")`)
	b.until(link + `.querySelector("button") !== null`)
	pair()
	answered(5, "/help")

	b.click(".slot.whatsapp .modes label:nth-of-type(1)")
	b.write("whatsapp", "/help")
	b.until(pane("whatsapp-ada") + `.querySelector(".bot")?.textContent.includes("/whoami")`)
	b.until(`!document.querySelector("#phone-wa-web").checkVisibility()`)
	if got := h.Count("parley is up"); got < ups+2 {
		t.Errorf("the hub was up %d times, before %d", got, ups)
	}
}

// TestWebPhoneFaults fails WhatsApp-web in the ways it can, without scripts: the answer
// comes once. After the process ended nobody knows the device, and it is linked anew.
func TestWebPhoneFaults(t *testing.T) {
	t.Parallel()
	p := newPlayer(t)
	do := func(path string) {
		t.Helper()
		if status := p.do(path, "wa-web", "private", "ada", ""); status != http.StatusSeeOther {
			t.Fatalf("%s: %d", path, status)
		}
	}
	link := func() {
		t.Helper()
		do("/pair")
		do("/scan")
		p.eventually("the account is there", func() bool {
			_, health, _ := strings.Cut(p.page(), `id="health-wa-web"`)
			health, _, _ = strings.Cut(health, "</div>")
			return strings.Contains(health, "connected")
		})
	}
	link()
	for n, fault := range []struct{ id, over string }{
		{"twice", "answered once"}, {"lost", "nothing is doubled"}, {"gone", " is back"},
	} {
		do("/fail?fault=" + fault.id)
		p.say("wa-web", "private", "ada", "/help")
		p.eventually(fault.id+" is over", func() bool { return strings.Contains(p.notes("wa-web"), fault.over) })
		p.eventually("it is answered", func() bool { return len(p.answers("wa-web-ada")) == n+1 })
	}
	if code := p.hub.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	p.hub.Start()
	p.hub.WaitReady() // the account is not there before it is linked
	link()
	p.say("wa-web", "private", "ada", "/help")
	p.eventually("it is answered again", func() bool { return len(p.answers("wa-web-ada")) == 1 })
}
