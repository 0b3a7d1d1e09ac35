package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/slack"
	"github.com/parley-hub/parley/test/hubtest"
)

// desk is a world with a second platform: Ann is there too, and so is somebody else.
type desk struct {
	*world
	slack *slack.Server
	// dm is Ann's chat with the bot on Slack, other somebody else's.
	dm, other string
}

const (
	slackAnn   = "U00007"
	slackOther = "U00009"
)

func newDesk(t *testing.T, config map[string]string) *desk {
	t.Helper()
	sim := slack.New(slack.Options{
		App:         slack.App{BotToken: slackToken, SigningSecret: slackSecret},
		RetryDelays: []time.Duration{0, 50 * time.Millisecond}, RetryForever: true,
	})
	t.Cleanup(sim.Close)
	address := hubtest.Serve(t, sim)
	all := map[string]string{
		"http": `{listen: "ADDRESS", public_url: "http://ADDRESS"}`,
		"channels": fmt.Sprintf(`{telegram: {token: "TOKEN", api_url: "API", %s},
  slack: {mode: events, bot_token: %q, signing_secret: %q, api_url: "%s/api/", %s}}`, noLimits, slackToken, slackSecret, address, unlimited),
	}
	for name, value := range config {
		all[name] = value
	}
	d := &desk{world: newWorld(t, setup{config: all}), slack: sim}
	sim.AddUser(slackAnn, "ann")
	sim.AddUser(slackOther, "eve")
	var err error
	if d.dm, err = sim.OpenDM(slackAnn); err != nil {
		t.Fatal(err)
	}
	if d.other, err = sim.OpenDM(slackOther); err != nil {
		t.Fatal(err)
	}
	sim.SetRequestURL("http://" + d.hub.Address + "/webhooks/slack")
	d.hub.Start()
	d.hub.WaitReady()
	return d
}

// onSlack gives the bot's words in a chat.
func (d *desk) onSlack(chat string) (out []string) {
	for _, m := range d.slack.Shown(chat) {
		if m.ByBot {
			out = append(out, m.Text)
		}
	}
	return out
}

// answeredOnSlack waits until the bot has said n things there and gives the last one.
func (d *desk) answeredOnSlack(chat string, n int) string {
	d.t.Helper()
	d.eventually(fmt.Sprintf("answer %d on Slack", n), func() bool { return len(d.onSlack(chat)) >= n })
	all := d.onSlack(chat)
	if len(all) > n {
		d.t.Fatalf("%d answers on Slack, want %d: %q", len(all), n, all)
	}
	return all[n-1]
}

// askSlack says something there and gives the answer.
func (d *desk) askSlack(chat, from, text string) string {
	d.t.Helper()
	n := len(d.onSlack(chat))
	if _, err := d.slack.Say(chat, from, text); err != nil {
		d.t.Fatal(err)
	}
	return d.answeredOnSlack(chat, n+1)
}

// tell says something on Telegram and gives the answer.
func (d *desk) tell(text string) string {
	d.t.Helper()
	return d.ask(ann, text, len(d.answers(ann))+1).Text
}

var codeLine = regexp.MustCompile(`/link ([2-9A-Z]{8})`)

// code asks for one on Telegram.
func (d *desk) code() string {
	d.t.Helper()
	m := codeLine.FindStringSubmatch(d.tell("/link"))
	if m == nil {
		d.t.Fatal("no code was shown")
	}
	return m[1]
}

// wantHeard looks at what the model was told last.
func (d *desk) wantHeard(want ...string) {
	d.t.Helper()
	same(d.t, "what the model was told", want, d.model.heard())
}

// TestOnePersonOnTwoPlatforms moves a talk from Telegram to Slack and back, and takes it
// apart again; a group and another person never hear of it.
func TestOnePersonOnTwoPlatforms(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.sim.AddGroup(group, "Friends", ann, ben, bot)
	d.tell("my cat is called Mia")
	d.askSlack(d.dm, slackAnn, "my dog is called Rex")
	d.wantHeard("user: my dog is called Rex")

	code := d.code()
	linked := d.askSlack(d.dm, slackAnn, "/link "+strings.ToLower(code[:4])+" "+code[4:])
	if !strings.Contains(linked, "are one person for me now") || !strings.Contains(linked, "telegram") || !strings.Contains(linked, "slack") {
		t.Errorf("Slack says %q", linked)
	}
	told := d.answered(ann, 3).Text
	if !strings.Contains(told, "was used") || !strings.Contains(told, "– slack is linked") || !strings.Contains(told, "/unlink") {
		t.Errorf("Telegram says %q", told)
	}

	d.askSlack(d.dm, slackAnn, "what are they called?")
	d.wantHeard("user: my cat is called Mia", "assistant: You said: my cat is called Mia",
		"user: my dog is called Rex", "assistant: You said: my dog is called Rex", "user: what are they called?")
	d.tell("and on Telegram?")
	if heard := d.model.heard(); len(heard) != 7 || !strings.Contains(heard[0], "Mia") || !strings.Contains(heard[2], "Rex") {
		t.Errorf("on Telegram the model is told %q", heard)
	}

	d.say(group, ann, "@parley_bot what are my pets called?")
	d.answered(group, 1)
	d.askSlack(d.other, slackOther, "what are her pets called?")
	for _, prompt := range d.model.prompts()[4:] {
		for _, m := range prompt {
			if strings.Contains(m.Text, "Mia") || strings.Contains(m.Text, "Rex") {
				t.Errorf("a group or somebody else was told: %q", m.Text)
			}
		}
	}
	if n := len(d.model.prompts()); n != 6 {
		t.Errorf("%d prompts, want 6", n)
	}

	if got := d.tell("/accounts"); !strings.Contains(got, "1. Ann (@ann) – telegram (this one)\n2. ") || !strings.Contains(got, "– slack") {
		t.Errorf("/accounts says %q", got)
	}
	if got := d.tell("/reach_me_on slack"); !strings.Contains(got, "I send to ") || !strings.Contains(got, "– slack") {
		t.Errorf("/reach_me_on says %q", got)
	}
	if got := d.tell("/accounts"); !strings.Contains(got, "– slack (where you want to be reached)") {
		t.Errorf("/accounts says %q", got)
	}
	n := len(d.onSlack(d.dm))
	if got := d.tell("/unlink 2"); !strings.HasPrefix(got, "Done: ") {
		t.Errorf("/unlink says %q", got)
	}
	if got := d.answeredOnSlack(d.dm, n+1); !strings.Contains(got, "no longer linked") {
		t.Errorf("the other account is told %q", got)
	}
	d.askSlack(d.dm, slackAnn, "do you know me?")
	d.wantHeard("user: do you know me?")
	d.tell("do you still know me?")
	if heard := d.model.heard(); !strings.Contains(heard[0], "Mia") {
		t.Errorf("who stayed is not remembered: %q", heard)
	}
}

// TestLinkCodesAreGuarded tries what a code must not allow.
func TestLinkCodesAreGuarded(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.sim.AddGroup(group, "Friends", ann, ben, bot)
	d.say(group, ann, "/link@parley_bot")
	if got := d.answered(group, 1).Text; codeLine.MatchString(got) || !strings.Contains(got, "never in a group") {
		t.Errorf("a group was shown %q", got)
	}
	first := d.code()
	d.say(group, ann, "/link@parley_bot "+first)
	if got := d.answered(group, 2).Text; !strings.Contains(got, "no longer valid") {
		t.Errorf("a code in a group: %q", got)
	}
	if got := d.askSlack(d.other, slackOther, "/link "+first); !strings.Contains(got, "Tries left: 4.") {
		t.Errorf("a code that a group has seen: %q", got)
	}
	code := d.code()
	if got := d.tell("/link " + code); !strings.Contains(got, "on the other platform") {
		t.Errorf("with oneself: %q", got)
	}
	for left := 3; left >= 0; left-- {
		if got := d.askSlack(d.other, slackOther, "/link AAAA AAAA"); !strings.Contains(got, fmt.Sprintf("Tries left: %d.", left)) {
			t.Errorf("a wrong code: %q", got)
		}
	}
	if got := d.askSlack(d.other, slackOther, "/link "+code); !strings.Contains(got, "too many wrong codes") {
		t.Errorf("the right code after five wrong ones: %q", got)
	}
	if got := d.askSlack(d.dm, slackAnn, "/link "+code); !strings.Contains(got, "are one person") {
		t.Errorf("the right code from another account: %q", got)
	}
	if got := d.askSlack(d.other, slackOther, "/link "+code); !strings.Contains(got, "too many") {
		t.Errorf("a spent code: %q", got)
	}
	if d.hub.Count(code)+d.hub.Count(first) > 0 {
		t.Error("a code in the log")
	}
}

// TestForgetMe erases a person over both platforms, and nobody else.
func TestForgetMe(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.tell("my cat is called Mia")
	d.askSlack(d.dm, slackAnn, "/link "+d.code())
	d.answered(ann, 3)
	d.askSlack(d.dm, slackAnn, "my dog is called Rex")
	d.ask(ben, "my bird is called Io", 1)

	ask := d.askSlack(d.dm, slackAnn, "/forget")
	if !strings.Contains(ask, "cannot be brought back") || !strings.Contains(ask, "– telegram") {
		t.Errorf("/forget asks %q", ask)
	}
	// The records follow by a moment; what is still on its way is not stored either.
	erased := d.askSlack(d.dm, slackAnn, "/forget everything")
	matches(t, "the answer", `Erased: \d+ messages and answers, accounts: 2\.\nOf our private conversation I remember nothing any more\.\nYour accounts are no longer linked\..*`, erased)
	d.tell("what is my cat called?")
	d.wantHeard("user: what is my cat called?")
	d.askSlack(d.dm, slackAnn, "what is my dog called?")
	d.wantHeard("user: what is my dog called?")
	d.ask(ben, "and my bird?", 2)
	if heard := d.model.heard(); len(heard) != 3 {
		t.Errorf("somebody else is forgotten too: %q", heard)
	}
	if code := d.hub.Stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	words := func(who string) string {
		got := d.person("export", who)
		if got.Code != 0 {
			t.Fatalf("%+v", got)
		}
		return got.Out
	}
	for _, who := range []string{"telegram:7", "slack:T0SIM:" + slackAnn} {
		out := words(who)
		if strings.Contains(out, "Mia") || strings.Contains(out, "Rex") || !strings.Contains(out, "called?") || !strings.Contains(out, `"Action":"forget"`) {
			t.Errorf("%s: the export holds\n%s", who, out)
		}
	}
	if out := words("telegram:8"); !strings.Contains(out, "my bird is called Io") {
		t.Errorf("somebody else's export holds\n%s", out)
	}
}

func (d *desk) person(args ...string) hubtest.Result {
	return hubtest.Run(d.t, d.hub.Dir, nil, append([]string{"person"}, args...)...)
}

// TestOperatorsLinkPeople does on the command line what people do themselves.
func TestOperatorsLinkPeople(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	d.tell("my cat is called Mia")
	there := regexp.MustCompile(`\S+:` + slackAnn).FindString(d.askSlack(d.dm, slackAnn, "/whoami"))
	d.askSlack(d.dm, slackAnn, "my dog is called Rex")
	if got := d.person("accounts", "telegram:7"); got.Code != 1 || !strings.Contains(got.ErrOut, "in use by another process") {
		t.Errorf("beside a running hub: %+v", got)
	}
	if code := d.hub.Stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for _, args := range [][]string{{}, {"link", "telegram:7"}, {"link", "telegram:7", "nobody"}, {"accounts"}, {"unlink", "a", "b"}} {
		if got := d.person(args...); got.Code != 2 {
			t.Errorf("person %q: %+v", args, got)
		}
	}
	if got := d.person("link", "telegram:7", "telegram:7"); got.Code != 1 || !strings.Contains(got.ErrOut, "one account") {
		t.Errorf("with itself: %+v", got)
	}
	linked := d.person("link", "telegram:7", there)
	if linked.Code != 0 || !strings.HasPrefix(linked.Out, "linked\n  telegram:7  p") || !strings.Contains(linked.Out, `"Ann"`) || !strings.Contains(linked.Out, there) {
		t.Errorf("link: %+v", linked)
	}
	if got := d.person("link", there, "telegram:7"); got.Code != 0 || !strings.HasPrefix(got.Out, "linked already\n") {
		t.Errorf("link again: %+v", got)
	}
	shown := d.person("accounts", there)
	if shown.Code != 0 || strings.Count(shown.Out, "last heard") != 2 || strings.Count(shown.Out, "to be reached (last)") != 1 {
		t.Errorf("accounts: %+v", shown)
	}
	d.hub.Start()
	d.hub.WaitReady()
	d.tell("what are they called?")
	d.wantHeard("user: my cat is called Mia", "assistant: You said: my cat is called Mia",
		"user: my dog is called Rex", "assistant: You said: my dog is called Rex", "user: what are they called?")
	if code := d.hub.Stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}

	export := d.person("export", there)
	var kinds []string
	for line := range strings.Lines(export.Out) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &fields); err != nil || len(fields) != 1 {
			t.Fatalf("%q: %v", line, err)
		}
		for kind := range fields {
			if len(kinds) == 0 || kinds[len(kinds)-1] != kind {
				kinds = append(kinds, kind)
			}
		}
	}
	same(t, "the kinds of lines", []string{"account", "address", "reach", "entry", "usage", "audit"}, kinds)
	if !strings.Contains(export.Out, "Mia") || !strings.Contains(export.Out, "Rex") {
		t.Errorf("the export lacks something:\n%s", export.Out)
	}
	if got := d.person("unlink", "telegram:7"); got.Code != 0 || !strings.HasPrefix(got.Out, "unlinked telegram:7; still together:\n") {
		t.Errorf("unlink: %+v", got)
	}
	if got := d.person("unlink", "telegram:7"); got.Code != 0 || got.Out != "telegram:7 is linked with no other account\n" {
		t.Errorf("unlink again: %+v", got)
	}
	erased := d.person("erase", there)
	matches(t, "erase", `erased [1-9]\d* messages and answers of 1 accounts, and 0 dead letters\nwhat conversations remember.*`, erased.Out)
	d.hub.Start()
	d.hub.WaitReady()
	d.askSlack(d.dm, slackAnn, "what do you know?")
	d.wantHeard("user: what do you know?")
}
