package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/parley-hub/parley/test/hubtest"
)

// browsers bounds how many run at once: several make each other too slow to see what
// stands on a page for a moment only.
var browsers = make(chan struct{}, 1)

// browse opens a page in a real browser.
func browse(t *testing.T, url string) context.Context {
	t.Helper()
	browsers <- struct{}{}
	t.Cleanup(func() { <-browsers })
	var browser string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && browser == "" {
			browser = path
		}
	}
	if browser == "" {
		t.Fatal("no browser to test the playground with: install Debian's package chromium")
	}
	alloc, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), // the clean-up below closes it
		chromedp.ExecPath(browser), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1400, 1250),
		chromedp.Flag("headless", true), chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.WSURLReadTimeout(hubtest.Patience),
	)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("browser: %v", err)
		}
		cancel()
		stop()
	})
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// tab is the playground in a real browser.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func (b tab) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, hubtest.Patience)
	defer cancel()
	wait := "new Promise((done) => { const look = () => (" + expression + ") ? done(true) : requestAnimationFrame(look); look(); })"
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise)); err != nil {
		b.t.Fatalf("waiting for %s: %v; the page shows:\n%s", expression, err, b.text())
	}
}

// text is what the page shows, for a test that failed.
func (b tab) text() string {
	ctx, cancel := context.WithTimeout(b.ctx, hubtest.Patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, hubtest.Patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// write writes into a phone with the keyboard.
func (b tab) write(phone, text string) {
	b.t.Helper()
	b.do(chromedp.Focus(chromedp.CSS("#text-"+phone)), chromedp.KeyEvent(text+kb.Enter))
}

// look keeps a picture where somebody asked for them.
func (b tab) look(name string) {
	b.t.Helper()
	dir := os.Getenv("PARLEY_SHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o600)
	}
	if err != nil {
		b.t.Error(err)
	}
}

func (b tab) scheme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func openPlayground(t *testing.T, env ...string) (tab, *hubtest.Hub) {
	t.Helper()
	h := hubtest.New(t, "", env...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the hub's log:\n%s", strings.Join(h.Lines(), "\n"))
		}
	})
	h.Start()
	h.WaitReady()
	b := tab{t, browse(t, "http://"+h.Address+"/")}
	b.until(`document.querySelector("#live.on")`)
	return b, h
}

// pane is a chat, last its last bubble, in JavaScript.
func pane(chat string) string { return `document.querySelector("#chat-` + chat + `")` }

// TestPhonesInBrowser takes the tour on each phone: the same answer in each platform's
// formatting, buttons and lists, pictures and voice notes, both people, and the paths.
func TestPhonesInBrowser(t *testing.T) {
	t.Parallel()
	b, _ := openPlayground(t)
	b.look("start")
	b.write("telegram", "/tour")
	b.until(pane("telegram-ada") + `.textContent.includes("writing")`) // the draft grows
	for _, phone := range phoneNames {
		if phone != "telegram" {
			b.write(phone, "/tour")
		}
	}
	for _, phone := range phoneNames {
		chat := pane(phone + "-ada")
		b.until(chat + `.querySelectorAll(".buttons button").length === 3`)
		for _, shown := range []string{
			`.querySelector("strong").textContent === "The same answer everywhere"`, `.querySelector("em").textContent === "italic"`,
			`.querySelector("s").textContent === "struck"`, `.querySelector(".words code").textContent === "code"`,
			`.querySelector("a[href='https://example.org/docs']") !== null`, `.querySelector("blockquote").textContent.includes("quotation")`,
			`.querySelector("pre").textContent.includes("for platform in platforms:")`, `.querySelectorAll("pre").length === 2`,
		} {
			b.until(chat + shown)
		}
		// Signs of a markup that was not read would stand in the words.
		b.until(`!/[*~]{1,2}\w|\w[*~]{1,2}/.test([...` + chat + `.querySelectorAll(".bot .words")].map((w) => w.textContent).join(" "))`)
	}
	b.until(`document.querySelector("#chat-whatsapp-ada .me .ticks.read") !== null`)
	b.until(`document.querySelector("#chat-discord-ada .above").textContent === "Ada used a command"`)
	b.look("tour")

	// A button on each; on WhatsApp five choices are a list.
	for _, phone := range phoneNames {
		chat := "#chat-" + phone + "-ada "
		second := ".buttons > div:first-child button:last-child"
		if phone == "whatsapp" {
			second = ".buttons > div:nth-child(2) button" // each in a line of its own
		}
		b.click(chat + second)
		b.until(pane(phone+"-ada") + `.textContent.includes("Which tea would you like?")`)
		if phone == "whatsapp" {
			b.click(chat + ".menu summary")
			b.click(chat + ".menu .buttons > div:nth-child(2) button")
		} else {
			b.click(chat + ".bubble:last-child .buttons > div:nth-child(2) button")
		}
		b.until(pane(phone+"-ada") + `.textContent.includes("Darjeeling it is.")`)
	}

	// The bot sends a picture of its own.
	for _, phone := range phoneNames {
		third := ".buttons > div:nth-child(2) button"
		if phone == "whatsapp" {
			third = ".buttons > div:nth-child(3) button"
		}
		b.click("#chat-" + phone + "-ada " + third)
		b.until(pane(phone+"-ada") + `.querySelector(".bot img")?.naturalWidth === 360`)
	}

	// Ben sends a picture and a voice note; Ada's chats do not know of them.
	b.click(`#everybody label:nth-of-type(2)`)
	for _, phone := range phoneNames {
		b.do(chromedp.Focus(chromedp.CSS("#text-"+phone)), chromedp.KeyEvent("look"))
		b.click("#phone-" + phone + " .attach summary")
		b.click("#phone-" + phone + " .sheet button")
		b.until(pane(phone+"-ben") + `.querySelector(".me img")?.naturalWidth === 480`)
		b.click("#phone-" + phone + " .attach summary")
		b.click("#phone-" + phone + " .sheet button:nth-of-type(2)")
		b.until(pane(phone+"-ben") + `.querySelector(".me audio")?.duration > 1`)
		b.until(pane(phone+"-ben") + `.querySelectorAll(".bot:not(.draft)").length === 2`)
		b.until(pane(phone+"-ada") + `.querySelector(".me img") === null`)
	}
	b.look("media")

	// The answer to a mention stands in the question's thread on Slack.
	for _, phone := range []string{"telegram", "slack", "discord"} {
		b.click("#phone-" + phone + " .places label:nth-of-type(2)")
		b.write(phone, "lunch at twelve?")
		b.write(phone, "@parley /whoami")
		b.until(pane(phone+"-group") + `.querySelector(".bot .words")?.textContent.includes("Place: group")`)
	}
	b.until(`document.querySelector("#chat-slack-group .bot").previousElementSibling.textContent.includes("@Parley /whoami")`)
	b.until(`document.querySelector("#chat-slack-group .bot.threaded") !== null && document.querySelector("#chat-slack-group .me.threaded") === null`)
	b.until(`["accepted", "(command)", "tour", "answered"].every((w) => document.querySelector("#path-list").textContent.includes(w))`)
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		b.look("groups-" + scheme)
	}
	b.do(chromedp.EmulateViewport(390, 844))
	b.click(".tabs label:nth-of-type(2)")
	b.until(`[...document.querySelectorAll(".phone")].filter((p) => p.checkVisibility()).length === 1`)
	b.look("phone-dark")
}

// TestRestartInBrowser restarts the hub by a click while it answers: the page comes back
// by itself, and each answer stands once.
func TestRestartInBrowser(t *testing.T) {
	t.Parallel()
	b, h := openPlayground(t)
	for _, phone := range phoneNames {
		b.write(phone, "Tell me a story")
	}
	for _, phone := range []string{"telegram", "slack", "discord"} {
		b.until(pane(phone+"-ada") + `.querySelector(".bot") !== null`)
	}
	b.click(".troubles button")
	b.until(`document.querySelector("#notes-hub").textContent.includes("The hub is back after")`)
	b.until(`document.querySelector("#live.on") !== null`)
	for _, phone := range phoneNames {
		b.until(pane(phone+"-ada") + `.querySelector(".bot:last-child .words:last-child")?.textContent.includes("/whoami")`)
		b.until(pane(phone+"-ada") + `.querySelectorAll(".bot").length === 1`)
	}
	if n := h.Count("parley is up"); n != 2 {
		t.Errorf("the hub was up %d times", n)
	}
	b.look("restarted")
}

// TestFaultInBrowser unplugs a platform by a click: the page says who is out and why, the
// others answer, and it heals by itself.
func TestFaultInBrowser(t *testing.T) {
	t.Parallel()
	b, _ := openPlayground(t)
	b.click("#phone-slack .faults summary")
	b.click(`#phone-slack .faults button[formaction="/fail?fault=gone"]`)
	b.until(`document.querySelector("#notes-slack").textContent.includes("Slack cannot be reached")`)
	b.until(`document.querySelector("#health-slack .out")?.textContent.includes("connection refused")`)
	for _, phone := range []string{"slack", "telegram"} { // it is out for a few seconds only
		b.write(phone, "Are you there?")
	}
	b.until(pane("telegram-ada") + `.querySelector(".bot .words:last-child")?.textContent.includes("/whoami")`)
	b.until(`document.querySelector("#chat-slack-ada .bot") === null`)
	b.look("unplugged")
	for _, phone := range []string{"whatsapp", "discord"} {
		b.write(phone, "Are you there?")
		b.until(pane(phone+"-ada") + `.querySelector(".bot .words:last-child")?.textContent.includes("/whoami")`)
	}
	b.until(`document.querySelector("#notes-slack").textContent.includes("Slack is back")`)
	b.until(`document.querySelector("#health-slack .up") !== null`)
	b.until(`document.querySelector("#chat-slack-ada .bot .words:last-child")?.textContent.includes("/whoami")`)
	b.look("plugged")
}
