package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestKilledWhileLinking kills the hub around the moment at which it takes a code, a
// little later each time: before the link is stored, between that and the commit of the
// turn, behind it. Each time the accounts are one person afterwards, both sides are
// told, and Slack shows every answer once.
func TestKilledWhileLinking(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.tell("my cat is called Mia")
	for round, delay := range []time.Duration{0, 3 * time.Millisecond, 6 * time.Millisecond, 10 * time.Millisecond, 15 * time.Millisecond} {
		fact := fmt.Sprintf("my dog number %d is called Rex", round)
		d.askSlack(d.dm, slackAnn, fact)
		code := d.newCode()
		notices := d.notices()
		shown := len(d.onSlack(d.dm))
		if _, err := d.slack.Say(d.dm, slackAnn, "/link "+code); err != nil {
			t.Fatal(err)
		}
		<-time.After(delay)
		d.hub.Kill()
		d.hub.Start()
		d.hub.WaitReady()
		if got := d.answeredOnSlack(d.dm, shown+1); !strings.Contains(got, "are one person") {
			t.Fatalf("round %d: Slack says %q", round, got)
		}
		// Telegram cannot tell whether a message stands: a crash may double it.
		d.eventually("Telegram is told", func() bool { return d.notices() > notices })
		d.askSlack(d.dm, slackAnn, "what are they called?")
		heard := strings.Join(d.model.heard(), "\n")
		for _, words := range []string{"user: my cat is called Mia", "user: " + fact} {
			if strings.Count(heard, words) != 1 {
				t.Errorf("round %d: the model is told %q %d times", round, words, strings.Count(heard, words))
			}
		}
		if got := d.askSlack(d.dm, slackAnn, "/unlink this"); !strings.HasPrefix(got, "Done: this account") {
			t.Fatalf("round %d: /unlink says %q", round, got)
		}
	}
}

// newCode asks for a code on Telegram, whatever else the bot says there.
func (d *desk) newCode() (code string) {
	d.t.Helper()
	seen := len(d.answers(ann))
	d.say(0, ann, "/link")
	d.until("a code", func() bool {
		for _, m := range d.answers(ann)[seen:] {
			if found := codeLine.FindStringSubmatch(m.Text); found != nil {
				code = found[1]
			}
		}
		return code != ""
	})
	return code
}

// notices is how often Telegram was told of a link.
func (d *desk) notices() (n int) {
	for _, m := range d.answers(ann) {
		if strings.Contains(m.Text, "was used") {
			n++
		}
	}
	return n
}
