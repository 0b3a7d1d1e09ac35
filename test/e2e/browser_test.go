package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/parley-hub/parley/test/hubtest"
)

// browse opens a page in a real browser.
func browse(t *testing.T, url string) context.Context {
	t.Helper()
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

// TestPlaygroundInBrowser writes as Ada with the keyboard on the real page and sees
// the answer grow, formatted, with its path below.
func TestPlaygroundInBrowser(t *testing.T) {
	t.Parallel()
	h := hubtest.New(t, "")
	h.Start()
	h.WaitReady()
	page := browse(t, "http://"+h.Address+"/")
	until := func(expression string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(page, hubtest.Patience)
		defer cancel()
		wait := "new Promise((done) => { const look = () => (" + expression + ") ? done(true) : requestAnimationFrame(look); look(); })"
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise)); err != nil {
			t.Fatalf("waiting for %s: %v", expression, err)
		}
	}
	until(`document.querySelector("#composer-ada")`)
	if _, err := chromedp.Run(page, chromedp.Evaluate[bool](`document.querySelector("#composer-ada").elements.namedItem("text").focus() ?? true`)); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(page, chromedp.KeyEvent("Hello, who are you?"+kb.Enter)); err != nil {
		t.Fatal(err)
	}
	chat := `document.querySelector("#chat-ada")`
	until(chat + `.textContent.includes("Hello, who are you?")`)
	until(chat + `.textContent.includes("writing")`) // the draft grows
	until(chat + `.querySelector("pre")?.textContent.includes("workers:") && !` + chat + `.textContent.includes("writing")`)
	until(chat + `.querySelector("b, strong")?.textContent.includes("No model worker")`)
	until(`["accepted", "(default)", "chat", "answered"].every((w) => document.querySelector("#path-list").textContent.includes(w))`)
	if dir := os.Getenv("PARLEY_SHOTS"); dir != "" {
		shot, err := chromedp.Run(page, chromedp.FullScreenshot(100))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "playground-e2e.png"), shot, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
