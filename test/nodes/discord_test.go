package nodes

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/discord"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	simulator "github.com/parley-hub/parley/simulators/discord"
	"github.com/parley-hub/parley/test/redistest"
)

const discordToken = "nodes-test-token-of-no-real-bot"

// TestDiscordInteractions: what came to one node is answered by another in the place that
// says "thinking", also when the first is gone; what follows, and is not sure, is too.
func TestDiscordInteractions(t *testing.T) {
	sim := simulator.New(simulator.Options{Token: discordToken, ApplicationID: "100", RepeatInteractions: 5 * time.Millisecond})
	t.Cleanup(sim.Close)
	api := serve(t, sim)
	nodes := &shared{t: t, redis: redistest.Start(t), of: discord.Factory(), in: newInbox(), set: func(s *adapters.Settings, _ string) {
		c, _ := discord.Factory().Defaults().(*discord.Config)
		c.Mode, c.APIURL, c.Token = discord.ModeInteractions, api, secret.New(discordToken)
		c.ApplicationID, c.PublicKey = "100", sim.PublicKey()
		s.Account, s.Config = "dc", c
	}}
	a, b := nodes.start(), nodes.start()
	if err := a.Adapter.(adapters.Menu).SetCommands(t.Context(), []adapters.MenuCommand{{Name: "help", Help: map[string]string{"en": "Help"}}}); err != nil {
		t.Fatal(err)
	}
	if err := sim.SetEndpoint(a.url); err != nil {
		t.Fatal(err)
	}
	user := sim.AddUser("Ann")
	room := sim.OpenDM(user)
	ask := func(text string) core.Envelope {
		t.Helper()
		if _, err := sim.Command(room, user, "ask", text); err != nil {
			t.Fatal(err)
		}
		return nodes.in.find(t, saying(text))
	}
	wantShown := func(want ...string) {
		t.Helper()
		var got []string
		for _, m := range sim.Shown(room) {
			if m.ByBot {
				got = append(got, m.Content)
			}
			if m.Thinking {
				t.Errorf("%q still says that it thinks", m.ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("shown %q, want %q", got, want)
		}
	}
	first, second := ask("one"), ask("two")
	b.say(answer(first, 0, "1"))
	a.kill()
	if err := sim.SetEndpoint(b.url); err != nil {
		t.Fatal(err)
	}
	c := nodes.start()
	r := answer(second, 0, "2")
	sim.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Call: "webhook_edit"})
	if _, err := b.Send(t.Context(), r); !fault.IsUnsure(err) {
		t.Fatalf("the outcome is not unknown: %v", err)
	}
	if receipt, found := c.reconcile(r); !found || receipt.Message == "" {
		t.Errorf("%+v, %v", receipt, found)
	}
	c.say(answer(second, 1, "and more"))
	wantShown("1", "2", "and more")
}
