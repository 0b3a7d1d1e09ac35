package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/test/hubtest"
)

// TestLinkByLink links accounts by the links that /link shows beside its code: what
// WhatsApp's writes for the person is sent as it is, Telegram's asks first.
func TestLinkByLink(t *testing.T) {
	t.Parallel()
	here, there := telegramPhone(t), whatsAppPhone(t)
	w := newWorld(t, setup{config: map[string]string{
		"http":     `{listen: "ADDRESS", public_url: "http://ADDRESS"}`,
		"channels": "{telegram: " + here.channel(hubtest.Serve(t, here.server)) + ", whatsapp: " + there.channel(hubtest.Serve(t, there.server)) + "}",
	}})
	w.hub.Start()
	w.hub.WaitReady()
	if err := there.connect(t.Context(), "http://"+w.hub.Address); err != nil {
		t.Fatal(err)
	}
	ask := func(p phone, text string) string {
		t.Helper()
		n := len(p.answers())
		if err := p.say(text); err != nil {
			t.Fatal(err)
		}
		w.eventually("an answer on "+p.name, func() bool { return len(p.answers()) > n })
		return p.answers()[n]
	}
	find := func(shape, text string) string {
		t.Helper()
		m := regexp.MustCompile(shape).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no %s in %q", shape, text)
		}
		return m[1]
	}

	shown := ask(here, "/link")
	if strings.Contains(shown, "t.me") {
		t.Errorf("Telegram shows a link to itself: %q", shown)
	}
	words := strings.NewReplacer("%2F", "/", "%20", " ").Replace(find(`whatsapp: https://wa\.me/15550783881\?text=(\S+)`, shown))
	if got := ask(there, words); !strings.Contains(got, "are one person for me now") {
		t.Errorf("WhatsApp says %q to %q", got, words)
	}
	w.eventually("Telegram is told", func() bool { return strings.Contains(strings.Join(here.answers(), "\n"), "was used") })
	if got := ask(here, "/unlink 2"); !strings.HasPrefix(got, "Done: ") {
		t.Errorf("/unlink says %q", got)
	}
	w.eventually("WhatsApp is told", func() bool { return strings.Contains(strings.Join(there.answers(), "\n"), "no longer linked") })
	word := find(`telegram: https://t\.me/parley_bot\?start=(\S+)`, ask(there, "/link"))
	if got := ask(here, "/start "+word); !strings.Contains(got, "Only go on if you made it yourself") {
		t.Fatalf("Telegram says %q", got)
	}
	if got := ask(here, "/accounts"); strings.Contains(got, "whatsapp") {
		t.Errorf("following the link has linked: %q", got)
	}
	sim, ok := here.server.(*telegram.Server)
	if !ok {
		t.Fatal("Telegram is no simulator")
	}
	n := len(here.answers())
	for _, m := range sim.Shown(bot, ann) {
		if m.ByBot == bot && strings.Contains(m.Text, "Only go on") {
			if _, err := sim.Press(bot, ann, m.MessageID, ann, "link:"+strings.TrimPrefix(word, "link-")); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.eventually("the accounts are linked", func() bool {
		return len(here.answers()) > n && strings.Contains(here.answers()[n], "are one person for me now")
	})
	if got := ask(here, "/accounts"); !strings.Contains(got, "– whatsapp") {
		t.Errorf("/accounts says %q", got)
	}
}
