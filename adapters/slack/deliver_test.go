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

// delivery is a Deliverer with the rig's adapter.
type delivery struct {
	*adapters.Deliverer
	t      *testing.T
	engine *sqliteq.Engine
	stages chan core.Stage
}

func (r *rig) deliverer() *delivery {
	r.t.Helper()
	engine, err := sqliteq.Open(r.t.Context(), sqliteq.Options{Dir: r.t.TempDir()})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			r.t.Error(err)
		}
	})
	d := &delivery{t: r.t, engine: engine, stages: make(chan core.Stage, 1000)}
	d.Deliverer = adapters.NewDeliverer(adapters.DelivererOptions{
		Queue: engine, Adapters: map[core.Account]adapters.Adapter{"sl": r.adapter}, Log: zerolog.Nop(),
		Observer: core.ObserverFunc(func(e core.Event) { d.stages <- e.Stage }),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("deliverer: %v", err)
		}
	})
	return d
}

// deliver brings a reply out and gives what was observed on the way.
func (d *delivery) deliver(reply core.Reply) []core.Stage {
	d.t.Helper()
	body, err := core.EncodeReply(reply)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.engine.Publish(d.t.Context(), queue.Lane(reply.To), queue.Item{ID: string(reply.ID), Body: body}); err != nil {
		d.t.Fatal(err)
	}
	var seen []core.Stage
	late, stop := context.WithTimeout(d.t.Context(), patience)
	defer stop()
	for !slices.Contains(seen, core.StageDelivered) {
		select {
		case stage := <-d.stages:
			seen = append(seen, stage)
		case <-late.Done():
			d.t.Fatalf("not delivered: %v", seen)
		}
	}
	return seen
}

func noLimits(_ *simulator.Options, c *slack.Config) { c.Limits = adapters.Limits{} }

// TestDelivererStreams: what grows in a thread is one message from its first word to its
// last, and no call more than needed.
func TestDelivererStreams(t *testing.T) {
	r, in := asked(t, noLimits)
	d := r.deliverer()
	d.deliver(answer(r.Chat(1), "it runs")) // before that drafts are not shown
	reply := answer(in, "one two three")
	for rev, text := range []string{"one", "one two"} {
		draft := reply
		draft.Final, draft.Rev, draft.Parts = false, rev+1, []core.Part{core.Text{Text: text, Format: core.Markdown}}
		d.Draft(draft, queue.Lease{})
		r.eventually("the draft shows "+text, func() bool {
			shown := r.byBot(place)
			return len(shown) == 1 && shown[0].Text == text && shown[0].Streaming
		})
	}
	d.deliver(reply)
	if p := r.only(); p.Streaming || p.Text != "one two three" || p.Metadata == nil {
		t.Errorf("the final is %+v", p)
	}
	if got := r.calls(showing...); got != "1 1 1 0 1" /* the first */ {
		t.Errorf("started, appended, stopped, updated, posted: %s", got)
	}
}

// TestDelivererDoublesNoFile: files that Slack took and whose answers were lost stand once.
func TestDelivererDoublesNoFile(t *testing.T) {
	r := start(t, slack.ModeEvents, noLimits)
	r.adapter = r.withShelf(pictureShelf())
	d := r.deliverer()
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Method: "chat.postMessage"})
	if seen := d.deliver(pictureReply(inChannel(), "look")); slices.Contains(seen, core.StageUnsure) {
		t.Errorf("stages %v", seen)
	}
	r.onePicture(place, ann)
}

// TestDelivererLooksBeforeItRepeats: messages that Slack took and whose answers were
// lost stand once, each piece of a long reply, and nothing is called unsure.
func TestDelivererLooksBeforeItRepeats(t *testing.T) {
	r := start(t, slack.ModeEvents, noLimits)
	d := r.deliverer()
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultDropAfter, Method: "chat.postMessage"})
	r.sim.Inject(simulator.Fault{Kind: simulator.FaultServerErrorAfter, Method: "chat.postMessage", Skip: 1})
	if seen := d.deliver(answer(inChannel(), "first"+strings.Repeat(" word", 1500)+" last")); slices.Contains(seen, core.StageUnsure) {
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
