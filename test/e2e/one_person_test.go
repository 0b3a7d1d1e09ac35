package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/test/hubtest"
)

// TestOnePersonInBrowser links Ada's accounts on the four phones, by the codes that the
// bot shows: the last knows what was said on the others. Ben, and the groups, do not.
func TestOnePersonInBrowser(t *testing.T) {
	t.Parallel()
	worker := hubtest.Serve(t, modeltest.New(modeltest.Options{Answer: func(prompt []models.Message) string {
		var said []string
		for _, m := range prompt {
			if m.Role == models.User {
				said = append(said, m.Text)
			}
		}
		return "So far: " + strings.Join(said, ", ")
	}}))
	b, _ := openPlayground(t, "PARLEY_MODELS_POOLS_CHAT_MODEL=fake", "PARLEY_MODELS_POOLS_CHAT_WORKERS_0_URL="+worker+"/v1")
	said := map[string]int{}
	say := func(chat, text, want string) {
		t.Helper()
		phone, _, _ := strings.Cut(chat, "-")
		b.write(phone, text)
		said[chat]++
		b.until(fmt.Sprintf(`%s.querySelectorAll(".bot:not(.draft)").length >= %d`, pane(chat), said[chat]))
		b.until(fmt.Sprintf(`%s.querySelector(".bot:last-child").textContent.includes(%q)`, pane(chat), want))
	}
	lacks := func(chat string, words ...string) {
		t.Helper()
		for _, word := range words {
			b.until(fmt.Sprintf(`!%s.textContent.includes(%q)`, pane(chat), word))
		}
	}

	say("telegram-ada", "apples", "So far: apples")
	for _, next := range []struct{ phone, fruit, so string }{
		{"slack", "bananas", "So far: apples, bananas"},
		{"discord", "cherries", "So far: apples, bananas, cherries"},
		{"whatsapp", "dates", "So far: apples, bananas, cherries, dates"},
	} {
		say("telegram-ada", "/link", "10 minutes")
		text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](pane("telegram-ada")+`.querySelector(".bot:last-child").textContent`))
		code := codeLine.FindString(text)
		if err != nil || code == "" {
			t.Fatalf("no code in %q: %v", text, err)
		}
		said["telegram-ada"]++ // Telegram is told, too
		say(next.phone+"-ada", code, "are one person for me now")
		b.until(fmt.Sprintf(`%s.querySelectorAll(".bot:not(.draft)").length >= %d`, pane("telegram-ada"), said["telegram-ada"]))
		say(next.phone+"-ada", next.fruit, next.so)
	}
	b.until(`!document.body.innerText.includes("undefined")`)
	b.look("one-person")

	// The first phone knows it all as well, and the groups nothing of it.
	say("telegram-ada", "and you?", "So far: apples, bananas, cherries, dates, and you?")
	for _, phone := range []string{"telegram", "slack", "discord"} {
		b.click("#phone-" + phone + " .places label:nth-of-type(2)")
		say(phone+"-group", "@parley figs", "So far:")
		lacks(phone+"-group", "apples", "dates")
		b.click("#phone-" + phone + " .places label:nth-of-type(1)")
	}
	b.click(`#everybody label:nth-of-type(2)`)
	for _, phone := range phoneNames {
		say(phone+"-ben", "grapes", "So far: grapes")
	}
	b.look("one-person-and-others")
}
