package console_test

import (
	"bytes"
	"context"
	_ "embed"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/internal/console"
)

// contrastScript measures the contrast of all text on the page.
//
//go:embed testdata/contrast.js
var contrastScript string

// patience bounds a wait for the browser; nothing is judged by time.
const patience = 20 * time.Second

// policy is what the HTTP server sends with each page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// tab is a browser with one page and what went wrong on it.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex
	problems []string
}

func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no browser to test the console with: install Debian's package chromium")
	return ""
}

// open starts a browser on the handler's first page.
func open(t *testing.T, h http.Handler) *tab {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	// Not DefaultExecAllocatorOptions: what the browser may do is listed here in full.
	alloc, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), // the browser is closed by the clean-up below
		chromedp.ExecPath(browser(t)), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1440, 900),
		chromedp.Flag("headless", true), chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(patience),
	)
	ctx, cancel := chromedp.NewContext(alloc)
	b := &tab{t: t, ctx: ctx, base: srv.URL}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("browser: %v", err)
		}
		cancel()
		stop()
		srv.CloseClientConnections()
	})
	if err := chromedp.Listen(ctx, b.watch); err != nil {
		t.Fatal(err)
	}
	for _, enable := range []func() error{
		func() error { _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); return err },
		func() error { _, err := chromedp.Call(ctx, cdplog.Enable, cdp.Empty{}); return err },
		func() error { _, err := chromedp.Call(ctx, runtime.Enable, cdp.Empty{}); return err },
	} {
		if err := enable(); err != nil {
			t.Fatal(err)
		}
	}
	b.do(chromedp.Navigate(srv.URL + "/"))
	return b
}

// watch keeps what a good page does not do.
func (b *tab) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		// The browser's own player draws its buttons from data addresses.
		if !strings.HasPrefix(e.Request.URL, b.base+"/") && !strings.HasPrefix(e.Request.URL, "data:image/svg+xml;") {
			b.problems = append(b.problems, "request to "+e.Request.URL)
		}
	case *runtime.EventConsoleAPICalled:
		b.problems = append(b.problems, "console: "+string(e.Type))
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, "exception: "+e.ExceptionDetails.Text)
	case *cdplog.EventEntryAdded:
		b.problems = append(b.problems, "log: "+e.Entry.Text+" "+e.Entry.URL)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// until waits for a JavaScript expression to hold.
func (b *tab) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	// chromedp.Poll makes a function of a text, which the content policy forbids.
	wait := "new Promise((done) => { const look = () => (" + expression + ") ? done(true) : requestAnimationFrame(look); look(); })"
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise)); err != nil {
		b.t.Fatalf("waiting for %s: %v; focus on %s", expression, err,
			value[string](b, `document.activeElement.outerHTML.slice(0, 200) + " " + JSON.stringify(document.activeElement.value)`))
	}
}

// value evaluates a JavaScript expression.
func value[T any](b *tab, expression string, opts ...chromedp.EvaluateOption) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, opts...))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// clean fails the test for errors on the page and requests to elsewhere.
func (b *tab) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		b.t.Error(p)
	}
}

// look takes a picture, checks that it shows something, and checks the contrast
// of every text against WCAG 2.2 level AA (4.5 to 1).
func (b *tab) look(name, scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	poor := value[[]string](b, contrastScript)
	shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range poor {
		b.t.Errorf("%s, %s: %s", name, scheme, p)
	}
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		b.t.Fatal(err)
	}
	colours := map[[3]uint32]bool{}
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 5 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 5 {
			r, g, bl, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r, g, bl}] = true
		}
	}
	if len(colours) < 20 {
		b.t.Errorf("%s, %s: %d colours, the page looks blank", name, scheme, len(colours))
	}
	if dir := os.Getenv("PARLEY_SHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), shot, 0o600); err != nil {
			b.t.Error(err)
		}
	}
}

// TestKeyboard goes through a conversation with the keyboard alone.
func TestKeyboard(t *testing.T) {
	p, j := newPlayground(), newJourneys()
	b := open(t, newConsole(t, console.Options{Playground: p, Journeys: j}))
	b.until(`document.querySelector("#live.on") !== null`)
	b.look("empty", "light")

	// The skip link comes first and leads to the first composer.
	b.do(chromedp.KeyEvent(kb.Tab))
	b.until(`document.activeElement.className === "skip"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.activeElement.id === "text-telegram"`)
	b.do(chromedp.KeyEvent("Hello "), chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierShift)), chromedp.KeyEvent("from Ada"))
	b.until(`document.activeElement.value === "Hello \nfrom Ada" && document.activeElement.rows === 2`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("#chat-telegram-ada .bubble.me .words")?.textContent === "Hello \nfrom Ada"`)
	b.until(`document.activeElement.id === "text-telegram" && document.activeElement.value === ""`)

	// The answer grows in one bubble and stays there.
	p.typing("telegram-ada", true)
	b.until(`document.querySelector("#chat-telegram-ada .typing")?.textContent === "Parley is typing"`)
	id := p.put("telegram-ada", console.Bubble{From: "Parley", Bot: true, Draft: true, Runs: plain("Hel")})
	b.until(`document.querySelector("#chat-telegram-ada .bubble.draft .words")?.textContent === "Hel"`)
	p.put("telegram-ada", console.Bubble{ID: id, From: "Parley", Bot: true, Draft: true, Runs: plain("Hello, A")})
	b.until(`document.querySelector("#chat-telegram-ada .bubble.draft .words")?.textContent === "Hello, A"`)
	p.typing("telegram-ada", false)
	p.put("telegram-ada", console.Bubble{ID: id, From: "Parley", Bot: true, Edited: true, Runs: plain("Hello, Ada."), Buttons: [][]console.Button{{{Label: "Again", Data: "again"}}}})
	b.until(`document.querySelector("#chat-telegram-ada .bubble.bot:not(.draft) .words")?.textContent === "Hello, Ada."`)
	b.until(`document.querySelectorAll("#chat-telegram-ada .bubble").length === 2 && !document.querySelector("#chat-telegram-ada .typing")`)

	// Its button, and what can be done with the bubble, are reached by Tab.
	b.do(chromedp.Focus(chromedp.CSS("#chat-telegram-ada .scroll")), chromedp.KeyEvent(kb.Tab))
	b.until(`document.activeElement.matches(".acts button") && getComputedStyle(document.activeElement.parentElement).opacity === "1"`)
	b.do(chromedp.Focus(chromedp.CSS("#chat-telegram-ada .buttons button")), chromedp.KeyEvent(kb.Enter))
	waitFor(t, func() bool { return len(p.did()) == 2 })
	if got, want := p.did()[1], "press telegram-ada "+id+" ada again"; got != want {
		t.Errorf("%q, want %q", got, want)
	}

	// The arrow keys lead to the next phone; there Ben writes, in the group.
	b.do(chromedp.Focus(chromedp.CSS("#text-telegram")), chromedp.KeyEvent(kb.ArrowRight))
	b.until(`document.activeElement.id === "text-slack"`)
	b.do(chromedp.Focus(chromedp.CSS("#phone-slack .who input")), chromedp.KeyEvent(kb.ArrowRight))
	b.until(`document.activeElement.value === "ben" && document.activeElement.checked`)
	b.do(chromedp.Focus(chromedp.CSS("#phone-slack .places input")), chromedp.KeyEvent(kb.ArrowRight))
	b.until(`document.querySelector("#chat-slack-group").checkVisibility() && !document.querySelector("#chat-slack-ben").checkVisibility()`)
	b.do(chromedp.Focus(chromedp.CSS("#text-slack")), chromedp.KeyEvent("Ben here"), chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("#chat-slack-group .bubble.me.p1 .words")?.textContent === "Ben here"`)

	// Its way appears below, grows, and opens with Enter.
	whole := answered("t1", morning)
	first := whole
	first.Steps = whole.Steps[:2]
	j.put(first)
	b.until(`document.querySelector("#path-t1 .state")?.textContent === "on its way"`)
	b.do(chromedp.Focus(chromedp.CSS("#path-t1 summary")), chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("#path-t1 details").open`)
	j.put(whole)
	b.until(`document.querySelector("#path-t1 .state")?.textContent === "answered"`)
	b.until(`document.querySelector("#path-t1 details").open && document.activeElement.closest("#path-t1") !== null`)
	b.clean()
}

// TestPhones does what is done with the pointer: people, places, samples, answers,
// reactions, faults, and the restart.
func TestPhones(t *testing.T) {
	p := newPlayground()
	b := open(t, newConsole(t, console.Options{Playground: p}))
	b.until(`document.querySelector("#live.on") !== null`)
	seen := func(want ...string) {
		t.Helper()
		waitFor(t, func() bool { return len(p.did()) == len(want) })
		if diff := cmp.Diff(want, p.did()); diff != "" {
			t.Errorf("done (-want +got):\n%s", diff)
		}
		p.forget()
	}
	// One choice for all phones.
	b.do(chromedp.Click(chromedp.CSS(`#everybody input[value="ben"] + span`)))
	b.until(`[...document.querySelectorAll(".who input:checked")].every((i) => i.value === "ben")`)
	b.until(`document.querySelector("#chat-slack-ben").checkVisibility() && !document.querySelector("#chat-slack-ada").checkVisibility()`)
	b.do(chromedp.Click(chromedp.CSS(`#chat-slack-ben .hint button`)))
	seen("say slack-ben ben /tour")

	// A sample goes with what is written, and the words are gone from the composer.
	b.do(chromedp.Click(chromedp.CSS("#text-slack")), chromedp.KeyEvent("look"), chromedp.Click(chromedp.CSS("#phone-slack .attach summary")))
	b.until(`document.querySelector("#phone-slack .sheet").checkVisibility()`)
	b.do(chromedp.Click(chromedp.CSS(`#phone-slack .sheet button`)))
	seen("say slack-ben ben look image/png")
	b.until(`document.querySelector("#text-slack").value === "" && !document.querySelector("#phone-slack .attach").open`)
	b.until(`document.querySelector("#chat-slack-ben img")?.naturalWidth === 480`)
	b.do(chromedp.Click(chromedp.CSS("#phone-slack .attach summary")), chromedp.Click(chromedp.CSS(`#phone-slack .sheet button:nth-of-type(2)`)))
	seen("say slack-ben ben  audio/ogg")
	b.until(`document.querySelector("#chat-slack-ben audio")?.duration > 1`)

	// A reaction, and an answer to a bubble.
	id := p.put("slack-ben", console.Bubble{Bot: true, From: "Parley", Runs: plain("Well?")})
	bubble := "#b-slack-ben-" + id
	b.until(`document.querySelector("` + bubble + `") !== null`)
	b.do(chromedp.Focus(chromedp.CSS(bubble+" .acts button")), chromedp.Click(chromedp.CSS(bubble+" .acts button")))
	seen("react slack-ben " + id + " ben 👍")
	b.do(chromedp.Click(chromedp.CSS(bubble + " .answer")))
	b.until(`document.querySelector("#phone-slack .answering").textContent.includes("Well?") && document.activeElement.id === "text-slack"`)
	b.do(chromedp.KeyEvent("yes"), chromedp.KeyEvent(kb.Enter))
	seen("say slack-ben ben yes re " + id)
	b.until(`document.querySelector("#phone-slack .answering").hidden`)

	// A fault, what is told of it, and an account that is out.
	b.do(chromedp.Click(chromedp.CSS("#phone-slack .faults summary")), chromedp.Click(chromedp.CSS("#phone-slack .faults button")))
	seen("fail slack busy")
	b.until(`document.querySelector("#notes-slack p")?.textContent.includes("Slack said 429")`)
	b.until(`document.querySelector("#health-slack .out").textContent.includes("connection refused")`)
	b.do(chromedp.Click(chromedp.CSS(".troubles button")))
	seen("fail hub restart")
	b.clean()
}

// TestReconnect loses the stream and finds the page level again.
func TestReconnect(t *testing.T) {
	p := newPlayground()
	b := open(t, newConsole(t, console.Options{Playground: p}))
	b.until(`document.querySelector("#live.on") !== null`)
	gone := p.put("telegram-ada", console.Bubble{User: "ada", From: "Ada", Runs: plain("one")})
	b.until(`document.querySelectorAll("#chat-telegram-ada .bubble").length === 1`)
	p.cutAll()
	p.remove("telegram-ada", gone)
	p.put("telegram-ada", console.Bubble{User: "ada", From: "Ada", Runs: plain("two")})
	b.until(`[...document.querySelectorAll("#chat-telegram-ada .words")].map((w) => w.textContent).join() === "two"`)
	b.clean()
}

// TestThreads puts an answer between bubbles: it stands where the platform shows it.
func TestThreads(t *testing.T) {
	p := newPlayground()
	b := open(t, newConsole(t, console.Options{Playground: p}))
	b.until(`document.querySelector("#live.on") !== null`)
	asked := p.put("slack-group", console.Bubble{User: "ada", From: "Ada", Runs: plain("question")})
	p.put("slack-group", console.Bubble{User: "ben", From: "Ben", Runs: plain("later")})
	p.putAfter("slack-group", asked, console.Bubble{Bot: true, From: "Parley", Thread: asked, Runs: plain("answer")})
	p.putAfter("slack-group", "", console.Bubble{User: "ben", From: "Ben", Runs: plain("first")})
	b.until(`[...document.querySelectorAll("#chat-slack-group .words")].map((w) => w.textContent).join() === "first,question,answer,later"`)
	b.clean()
}

// waitFor waits for something the browser does that cannot be seen in the page.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("did not happen")
		}
	}
}
