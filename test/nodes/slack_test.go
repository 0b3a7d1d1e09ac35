package nodes

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	simulator "github.com/parley-hub/parley/simulators/slack"
	"github.com/parley-hub/parley/test/redistest"
)

const (
	slackBot    = "U0PARLEY"
	ann, ben    = "U1ANN", "U2BEN"
	here        = "C00001"
	abroad      = "C0ABROAD"
	slackSecret = "nodes-test-secret-of-no-real-app"
)

func startSlack(t *testing.T) (*simulator.Server, *shared) {
	t.Helper()
	sim := simulator.New(simulator.Options{
		App:         simulator.App{BotToken: "xoxb-nodes", SigningSecret: slackSecret, UserID: slackBot},
		RetryDelays: []time.Duration{5 * time.Millisecond}, RetryForever: true,
	})
	t.Cleanup(sim.Close)
	api := serve(t, sim)
	sim.AddUser(ann, "ann")
	sim.AddUser(ben, "ben")
	sim.AddChannel(here, "here", ann, ben, slackBot)
	sim.AddChannel(abroad, "abroad", ann, ben)
	return sim, &shared{t: t, redis: redistest.Start(t), of: slack.Factory(), in: newInbox(), set: func(s *adapters.Settings, _ string) {
		c, _ := slack.Factory().Defaults().(*slack.Config)
		c.Mode, c.APIURL = slack.ModeEvents, api+"/api/"
		c.BotToken, c.SigningSecret = secret.New("xoxb-nodes"), secret.New(slackSecret)
		s.Account, s.Config = "sl", c
	}}
}

func byBot(sim *simulator.Server, channel string) (out []simulator.Posted) {
	for _, p := range sim.Shown(channel) {
		if p.ByBot {
			out = append(out, p)
		}
	}
	return out
}

// TestSlackAnswersFromOutside: the address that came with a command to one node is used by
// the others, also when the first is gone, five times in all.
func TestSlackAnswersFromOutside(t *testing.T) {
	sim, nodes := startSlack(t)
	a, b := nodes.start(), nodes.start()
	sim.SetRequestURL(a.url)
	redistest.WaitFor(t, "the simulator learns its address from the first call", func() error {
		if len(sim.CallsOf("auth.test")) == 0 {
			return errors.New("no call yet")
		}
		return nil
	})
	if err := sim.Slash(abroad, ann, "/poll", "one"); err != nil {
		t.Fatal(err)
	}
	e := nodes.in.find(t, func(e core.Envelope) bool { _, is := e.Command(); return is })
	b.say(answer(e, 0, "one"))
	a.kill()
	b.say(answer(e, 1, "two"))
	c := nodes.start()
	for i, n := range []*node{b, c, b, c} {
		_, err := n.Send(t.Context(), answer(e, i+2, "more"))
		if refused := fault.ClassOf(err) == fault.Permanent && strings.Contains(err.Error(), "not_in_channel"); i < 3 && err != nil || i == 3 && !refused {
			t.Errorf("answer %d: %v", i+3, err)
		}
	}
	if n := len(byBot(sim, abroad)); n != 5 {
		t.Errorf("%d messages, want 5", n)
	}
}

// TestSlackThreads: a node streams to who asked another one, and each knows in which threads
// the bot has its say, though it once looked and it had none.
func TestSlackThreads(t *testing.T) {
	sim, nodes := startSlack(t)
	a, b := nodes.start(), nodes.start()
	sim.SetRequestURL(a.url)
	say := func(thread, who, text string) simulator.Posted {
		t.Helper()
		p, err := sim.Speak(simulator.Utterance{Channel: here, User: who, Text: text, ThreadTS: thread})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	root := say("", ben, "lunch?")
	say(root.TS, ann, "where?")
	if e := nodes.in.find(t, saying("where?")); e.Addressed {
		t.Error("nobody asked the bot")
	}
	sim.SetRequestURL(b.url)
	say(root.TS, ann, "<@"+slackBot+"> you?")
	e := nodes.in.find(t, func(e core.Envelope) bool { return strings.HasSuffix(e.Text(), "you?") })
	draft := answer(e, 0, "I do")
	draft.Final = false
	id := a.say(draft).Message
	if starts := sim.CallsOf("chat.startStream"); len(starts) != 1 || starts[0].Params["recipient_user_id"] != ann {
		t.Errorf("streams: %+v", starts)
	}
	if _, err := b.Adapter.(*slack.Adapter).Edit(t.Context(), id, answer(e, 0, "I do not eat")); err != nil {
		t.Fatal(err)
	}
	if shown := byBot(sim, here); len(shown) != 1 || shown[0].Text != "I do not eat" || shown[0].Streaming || shown[0].Metadata == nil {
		t.Errorf("%+v", shown)
	}
	sim.SetRequestURL(a.url)
	say(root.TS, ben, "really?")
	if e := nodes.in.find(t, saying("really?")); !e.Addressed {
		t.Error("this node does not know that the bot takes part")
	}
}

// TestSlackUnsure: a message whose answer one node lost is found by another.
func TestSlackUnsure(t *testing.T) {
	sim, nodes := startSlack(t)
	a, b := nodes.start(), nodes.start()
	sim.SetRequestURL(a.url)
	if _, err := sim.Speak(simulator.Utterance{Channel: here, User: ann, Text: "<@" + slackBot + "> hello"}); err != nil {
		t.Fatal(err)
	}
	r := answer(nodes.in.find(t, func(e core.Envelope) bool { return e.Kind == core.KindMessage }), 0, "hi")
	sim.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Method: "chat.postMessage"})
	if _, err := a.Send(t.Context(), r); !fault.IsUnsure(err) {
		t.Fatalf("the outcome is not unknown: %v", err)
	}
	a.kill()
	if receipt, found := b.reconcile(r); !found || string(receipt.Message) != byBot(sim, here)[0].TS {
		t.Errorf("%+v, %v", receipt, found)
	}
}
