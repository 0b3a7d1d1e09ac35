package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-hub/parley/simulators/slack"
	"github.com/parley-hub/parley/test/hubtest"
	"github.com/parley-hub/parley/test/pgtest"
	"github.com/parley-hub/parley/test/redistest"
)

const nodeConfig = `
http: {listen: "ADDRESS", public_url: "http://%s"}
data_dir: "DIR"
redis: {url: %q}
postgres: {url: %q}
node: {name: %s}
channels:
  slack: {mode: events, bot_token: %q, signing_secret: %q, api_url: "%s/api/"}
  poller: {platform: telegram, token: "%s", api_url: "%s"}
`

// TestNodes runs a hub of two: one polls, the other stands by and takes over when the
// first one stops; both answer webhooks; parley status shows them.
func TestNodes(t *testing.T) {
	t.Parallel()
	redis, postgres := redistest.Start(t), pgtest.New(t)
	sim := slack.New(slack.Options{App: slack.App{BotToken: slackToken, SigningSecret: slackSecret}})
	t.Cleanup(sim.Close)
	sim.AddUser(slackAnn, "ann")
	dm, err := sim.OpenDM(slackAnn)
	if err != nil {
		t.Fatal(err)
	}
	slackAPI := hubtest.Serve(t, sim)
	w := newWorld(t, setup{})
	front := hubtest.FreeAddress(t)
	node := func(name string) *hubtest.Hub {
		h := hubtest.New(t, fmt.Sprintf(nodeConfig, front, redis.URL(), postgres.URL().Reveal(), name, slackToken, slackSecret, slackAPI, token, w.api))
		h.Start()
		h.WaitReady()
		return h
	}
	one := node("one")
	two := node("two")
	w.eventually("the second stands by", func() bool {
		_, body, err := two.Get("/readyz")
		return err == nil && strings.Contains(body, "standby: received by one-")
	})
	for i, h := range []*hubtest.Hub{one, two, one} {
		sim.SetRequestURL("http://" + h.Address + "/webhooks/slack")
		if _, err := sim.Say(dm, slackAnn, fmt.Sprint("/echo ", i)); err != nil {
			t.Fatal(err)
		}
	}
	w.eventually("both take webhooks", func() bool {
		n := 0
		for _, m := range sim.Shown(dm) {
			if m.ByBot {
				n++
			}
		}
		return n == 3
	})
	status := func() string {
		got := hubtest.Run(t, t.TempDir(), []string{"PARLEY_REDIS_URL=" + redis.URL()}, "status")
		if got.Code != 0 {
			t.Fatalf("%+v", got)
		}
		return got.Out
	}
	w.eventually("status names both, and who polls", func() bool {
		text := status()
		lines := strings.Split(text, "\n")
		return strings.HasPrefix(lines[1], "one-") && strings.Contains(lines[1], "poller/receiver") &&
			strings.HasPrefix(lines[2], "two-") && strings.Contains(lines[2], "nothing that is single") && strings.Contains(text, "inbox ")
	})
	if code := one.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	w.eventually("the second polls", func() bool {
		_, body, err := two.Get("/readyz")
		return err == nil && !strings.Contains(body, "standby")
	})
	w.eventually("status names the one that is left", func() bool {
		text := status()
		return !strings.Contains(text, "one-") && strings.Contains(text, "poller/receiver")
	})
	_, metrics, err := two.Get("/metrics")
	if err != nil || !strings.Contains(metrics, `parley_node_leases{node="two-`) {
		t.Errorf("no metrics of nodes: %v", err)
	}
}

// TestNodesThatDoNotGoTogether start nothing and say why.
func TestNodesThatDoNotGoTogether(t *testing.T) {
	t.Parallel()
	redis, postgres, other := redistest.Start(t), pgtest.New(t), pgtest.New(t)
	url := func(d pgtest.Database) string { return "PARLEY_POSTGRES_URL=" + d.URL().Reveal() }
	on := "PARLEY_REDIS_URL=" + redis.URL()
	listen := func() string { return "PARLEY_HTTP_LISTEN=" + hubtest.FreeAddress(t) }
	refused := func(says string, env ...string) {
		t.Helper()
		got := hubtest.Run(t, t.TempDir(), append(env, listen()), "serve")
		if got.Code != 1 || !strings.Contains(got.ErrOut, says) || strings.Contains(got.ErrOut, pgtest.Password) {
			t.Errorf("exit code %d, want %q in:\n%s", got.Code, says, got.ErrOut)
		}
	}
	started := func(env ...string) *hubtest.Hub {
		h := hubtest.New(t, "", env...)
		h.Start()
		h.WaitReady()
		return h
	}
	files := started(on, "PARLEY_REDIS_PREFIX=files")
	refused("more than one node needs postgres.url", on, "PARLEY_REDIS_PREFIX=files")
	files.Stop()

	alone := started(url(postgres))
	refused("more than one node needs redis.url beside postgres.url", url(postgres))
	refused("more than one node needs both", url(postgres), on)
	alone.Stop()

	started(on, url(postgres))
	refused("belong to another hub", on, url(other))
	refused("needs redis.url beside postgres.url", url(postgres))
	refused("password", on, "PARLEY_POSTGRES_URL=postgres://postgres:wrong@"+postgres.Host+"/"+postgres.Name)
	refused("does not exist", on, "PARLEY_POSTGRES_URL="+strings.Replace(postgres.URL().Reveal(), postgres.Name, "nowhere", 1))
	refused("cannot reach Redis", "PARLEY_REDIS_URL=redis://127.0.0.1:1", url(postgres))
}
