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

	"github.com/parley-hub/parley/internal/console"
)

// contrastScript measures the contrast of all text on the page.
//
//go:embed testdata/contrast.js
var contrastScript string

// patience bounds a wait for the browser; nothing is judged by time.
const patience = 20 * time.Second

// policy is what the HTTP server sends with each page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
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
		if !strings.HasPrefix(e.Request.URL, b.base+"/") {
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
	b.until(`document.activeElement.id === "first-composer"`)
	b.do(chromedp.KeyEvent("Hello "), chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierShift)), chromedp.KeyEvent("from Ada"))
	b.until(`document.activeElement.value === "Hello \nfrom Ada" && document.activeElement.rows === 2`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("#chat-ada .bubble.me .words")?.textContent === "Hello \nfrom Ada"`)
	b.until(`document.activeElement.id === "first-composer" && document.activeElement.value === ""`)

	// The answer grows in one bubble and stays there.
	p.typing("ada", true)
	b.until(`document.querySelector("#chat-ada .typing")?.textContent === "Parley is typing"`)
	id := p.put("ada", console.Bubble{From: "Parley", Bot: true, Draft: true, Runs: plain("Hel")})
	b.until(`document.querySelector("#chat-ada .bubble.draft .words")?.textContent === "Hel"`)
	p.put("ada", console.Bubble{ID: id, From: "Parley", Bot: true, Draft: true, Runs: plain("Hello, A")})
	b.until(`document.querySelector("#chat-ada .bubble.draft .words")?.textContent === "Hello, A"`)
	p.typing("ada", false)
	p.put("ada", console.Bubble{ID: id, From: "Parley", Bot: true, Edited: true, Runs: plain("Hello, Ada."), Buttons: [][]console.Button{{{Label: "Again", Data: "again"}}}})
	b.until(`document.querySelector("#chat-ada .bubble.bot:not(.draft) .words")?.textContent === "Hello, Ada."`)
	b.until(`document.querySelectorAll("#chat-ada .bubble").length === 2 && !document.querySelector("#chat-ada .typing")`)

	// Backwards from the composer lies the button of the answer.
	b.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)))
	b.until(`document.activeElement.textContent === "Again"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	waitFor(t, func() bool { return len(p.pressed()) == 1 })
	if got, want := p.pressed()[0], "ada|"+id+"|ada|again"; got != want {
		t.Errorf("press %q, want %q", got, want)
	}

	// In the group the arrow keys reach the composer, and a person is chosen.
	b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
	b.until(`document.activeElement.id === "text-team"`)
	b.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)))
	b.until(`document.activeElement.value === "ada" && document.activeElement.type === "radio"`)
	b.do(chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("Ben here"), chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("#chat-team .bubble.me.hue1 .words")?.textContent === "Ben here"`)

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

// TestReconnect loses the stream and finds the page level again.
func TestReconnect(t *testing.T) {
	p := newPlayground()
	b := open(t, newConsole(t, console.Options{Playground: p}))
	b.until(`document.querySelector("#live.on") !== null`)
	gone := p.put("ada", console.Bubble{User: "ada", From: "Ada", Runs: plain("one")})
	b.until(`document.querySelectorAll("#chat-ada .bubble").length === 1`)
	p.cutAll()
	p.remove("ada", gone)
	p.put("ada", console.Bubble{User: "ada", From: "Ada", Runs: plain("two")})
	b.until(`[...document.querySelectorAll("#chat-ada .words")].map((w) => w.textContent).join() === "two"`)
	b.clean()
}

// TestLooks takes the pages in both schemes and on a narrow screen.
func TestLooks(t *testing.T) {
	p, j := newPlayground(), newJourneys()
	furnish(p, j)
	b := open(t, newConsole(t, console.Options{Playground: p, Journeys: j}))
	b.until(`document.querySelector("#live.on") !== null`)
	p.typing("ben", true)
	b.until(`document.querySelector("#chat-ben .typing") !== null`)
	b.do(chromedp.Click(chromedp.CSS("#path-t3 summary")), chromedp.Click(chromedp.CSS("#connect summary")))
	for _, scheme := range []string{"light", "dark"} {
		b.look("playground", scheme)
	}
	b.do(chromedp.EmulateViewport(390, 844))
	b.look("narrow", "light")
	if wide := value[int](b, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("the narrow page is %d pixels wide and has to be scrolled sideways", wide)
	}
	b.clean()
}

func TestOverviewLooks(t *testing.T) {
	j := newJourneys()
	furnish(newPlayground(), j)
	b := open(t, newConsole(t, console.Options{Journeys: j, Status: hub}))
	b.until(`document.querySelector("#live.on") !== null`)
	for _, scheme := range []string{"light", "dark"} {
		b.look("overview", scheme)
	}
	if got := value[string](b, `document.querySelector("#hub .paste").textContent`); got != "https://bot.example.org/webhooks/support" {
		t.Errorf("webhook address %q", got)
	}
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

// furnish fills the chats with one of everything.
func furnish(p *playground, j *journeys) {
	style := func(text string, set func(*console.Style)) console.Run {
		r := console.Run{Text: text}
		set(&r.Style)
		return r
	}
	bold := func(s *console.Style) { s.Bold = true }
	p.put("ada", console.Bubble{User: "ada", From: "Ada", Runs: plain("Hi! What can you do?")})
	p.put("ada", console.Bubble{Bot: true, From: "Parley", Runs: []console.Run{
		style("Quite a bit.", bold), {Text: " I answer, "}, style("remember", func(s *console.Style) { s.Italic = true }),
		{Text: " what you told me, and know "}, style("/help", func(s *console.Style) { s.Code = true }),
		{Text: ". See the "}, {Text: "documentation", Link: "https://example.org/docs"}, {Text: ".\n\nHere is how to call me:"},
		style("curl -s localhost:8080/healthz\nok", func(s *console.Style) { s.Pre, s.Language = true, "sh" }),
		{Text: "And a secret: "}, style("the cake is real", func(s *console.Style) { s.Spoiler = true }),
	}})
	asked := p.put("ada", console.Bubble{User: "ada", From: "Ada", Runs: plain("Remind me to water the plants.")})
	p.put("ada", console.Bubble{
		Bot: true, From: "Parley", Edited: true, Runs: plain("When shall I remind you?"),
		ReplyTo: &console.Quote{ID: asked, From: "Ada", Text: "Remind me to water the plants."},
		Buttons: [][]console.Button{{{Label: "Tonight", Data: "1"}, {Label: "Tomorrow", Data: "2"}}, {{Label: "About reminders", URL: "https://example.org/"}}},
	})
	p.put("ben", console.Bubble{User: "ben", From: "Ben", Runs: plain("Do you know what Ada told you?")})
	p.put("ben", console.Bubble{Bot: true, From: "Parley", Runs: []console.Run{
		{Text: "No. Each person has a memory of their own:"},
		style("What one person says in private is never read in another conversation.", func(s *console.Style) { s.Quote = true }),
	}})
	p.put("ben", console.Bubble{User: "ben", From: "Ben", Runs: plain("Good. Tell me a story about a lighthouse.")})
	p.put("ben", console.Bubble{Bot: true, From: "Parley", Draft: true, Runs: plain("On the last rock before the open sea stood a lighthouse whose keeper wrote letters to every ship that")})
	p.put("team", console.Bubble{User: "ada", From: "Ada", Runs: plain("Lunch at twelve?")})
	p.put("team", console.Bubble{User: "ben", From: "Ben", Runs: plain("@parley what is for lunch?")})
	p.put("team", console.Bubble{Bot: true, From: "Parley", Runs: []console.Run{style("Soup", bold), {Text: " and bread, "}, style("risotto", func(s *console.Style) { s.Strike = true }), {Text: " sold out."}}})

	j.put(answered("t1", morning))
	bad := answered("t2", morning.Add(9*time.Second))
	bad.Steps = append(bad.Steps[:3:3],
		console.Step{Stage: "retry", At: morning.Add(10 * time.Second), Took: time.Second, Fault: "retryable", Skill: "chat", Count: 1},
		console.Step{Stage: "buried", At: morning.Add(11 * time.Second), Fault: "permanent", Count: 1})
	j.put(bad)
	j.put(answered("t3", morning.Add(30*time.Second)))
	ignored := answered("t4", morning.Add(40*time.Second))
	ignored.Steps = append(ignored.Steps[:2:2], console.Step{Stage: "ignored", At: morning.Add(40 * time.Second), Rule: "not-addressed", Count: 1})
	j.put(ignored)
}
