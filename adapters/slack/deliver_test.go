package slack_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/sqliteq"
	simulator "github.com/parley-hub/parley/simulators/slack"
)

// TestDelivererLooksBeforeItRepeats: messages that Slack took and whose answers were
// lost stand once, each piece of a long reply, and nothing is called unsure.
func TestDelivererLooksBeforeItRepeats(t *testing.T) {
	r := start(t, slack.ModeEvents, func(_ *simulator.Options, c *slack.Config) { c.Limits = adapters.Limits{} })
	engine, err := sqliteq.Open(t.Context(), sqliteq.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	stages := make(chan core.Stage, 1000)
	d := adapters.NewDeliverer(adapters.DelivererOptions{
		Queue: engine, Adapters: map[core.Account]adapters.Adapter{"sl": r.adapter}, Log: zerolog.Nop(),
		Observer: core.ObserverFunc(func(e core.Event) { stages <- e.Stage }),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("deliverer: %v", err)
		}
	})
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Method: "chat.postMessage"})
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultServerErrorAfter, Method: "chat.postMessage", Skip: 1})
	reply := answer(inChannel(), "first"+strings.Repeat(" word", 1500)+" last")
	body, err := core.EncodeReply(reply)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Publish(t.Context(), queue.Lane(reply.To), queue.Item{ID: string(reply.ID), Body: body}); err != nil {
		t.Fatal(err)
	}
	var seen []core.Stage
	late, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	for !slices.Contains(seen, core.StageDelivered) {
		select {
		case stage := <-stages:
			seen = append(seen, stage)
		case <-late.Done():
			t.Fatalf("not delivered: %v", seen)
		}
	}
	if slices.Contains(seen, core.StageUnsure) {
		t.Errorf("stages %v", seen)
	}
	var text []string
	for _, p := range r.byBot(place) {
		text = append(text, p.Text)
	}
	words := strings.Fields(strings.Join(text, " "))
	if len(words) != 1502 || words[0] != "first" || words[1501] != "last" {
		t.Errorf("%d messages with %d words", len(text), len(words))
	}
}
