package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-hub/parley/test/pgtest"
	"github.com/parley-hub/parley/test/redistest"
)

// TestPersonSend tells somebody what they did not ask for, where they want it: beside a
// hub that runs, where it keeps everything on servers, and else before it runs again.
func TestPersonSend(t *testing.T) {
	for _, servers := range []bool{false, true} {
		t.Run(fmt.Sprint("servers ", servers), func(t *testing.T) {
			t.Parallel()
			config := map[string]string{}
			if servers {
				config["redis"] = fmt.Sprintf("{url: %q}", redistest.Start(t).URL())
				config["postgres"] = fmt.Sprintf("{url: %q}", pgtest.New(t).URL().Reveal())
			}
			d := newDesk(t, config)
			d.tell("hello")
			d.askSlack(d.dm, slackAnn, "hello")
			d.askSlack(d.dm, slackAnn, "/link "+d.code())
			if got := d.tell("/reach_me_on slack"); !strings.Contains(got, "– slack") {
				t.Fatalf("/reach_me_on says %q", got)
			}
			if !servers {
				if got := d.person("send", "telegram:7", "lunch is ready"); got.Code == 0 || !strings.Contains(got.ErrOut, "in use") {
					t.Errorf("beside a hub with its own files: %+v", got)
				}
				if code := d.hub.Stop(); code != 0 {
					t.Fatalf("exit code %d", code)
				}
			}
			sends := func(args ...string) string {
				t.Helper()
				got := d.person(append([]string{"send"}, args...)...)
				if got.Code != 0 {
					t.Fatalf("%v: %+v", args, got)
				}
				return got.Out
			}
			said, onSlack, onTelegram := "You have a visitor", len(d.onSlack(d.dm)), len(d.answers(ann))
			// Where they were heard last is in the records a moment later.
			if out := sends("telegram:7", said); out != "on its way to chat "+d.dm+" of slack\n" {
				t.Errorf("preferred: %q", out)
			}
			if out := sends("--to", "all", "telegram:7", "to all"); strings.Count(out, "on its way") != 2 {
				t.Errorf("all: %q", out)
			}
			for _, c := range [][]string{{"telegram:999", "x"}, {"--to", "nowhere", "telegram:7", "x"}, {"telegram:7"}, {"telegram:7", " "}} {
				if got := d.person(append([]string{"send"}, c...)...); got.Code == 0 || got.Out != "" {
					t.Errorf("%v: %+v", c, got)
				}
			}
			if !servers {
				d.hub.Start()
				d.hub.WaitReady()
			}
			d.eventually("both messages on Slack", func() bool { return len(d.onSlack(d.dm)) == onSlack+2 })
			d.eventually("one on Telegram", func() bool { return len(d.answers(ann)) == onTelegram+1 })
			if got := d.onSlack(d.dm)[onSlack:]; got[0] != said || got[1] != "to all" {
				t.Errorf("Slack shows %q", got)
			}
			if got := d.answers(ann)[onTelegram].Text; got != "to all" {
				t.Errorf("Telegram shows %q", got)
			}
			if code := d.hub.Stop(); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			export := d.person("export", "telegram:7")
			if !strings.Contains(export.Out, said) || !strings.Contains(export.Out, `"Action":"sent"`) {
				t.Errorf("the export does not tell: %+v", export)
			}
		})
	}
}
