package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/models/modeltest"
	telegram "github.com/parley-hub/parley/simulators/telegram"
	"github.com/parley-hub/parley/test/hubtest"
)

// cutting is a model whose first answers break off when people have read half of them.
func cutting(answer string, times int) modeltest.Options {
	return modeltest.Options{
		Answer: always(answer), PerToken: 40 * time.Millisecond,
		Faults: []modeltest.Fault{{Kind: modeltest.Cut, From: 1, To: times, After: 30}},
	}
}

// broken is a hub with a worker that cuts its first answer, and one that does not.
func broken(t *testing.T, answer string, config map[string]string) (w *world, spare *model) {
	spare = newModel(t, modeltest.Options{Answer: always(answer)})
	if config == nil {
		config = map[string]string{}
	}
	config["models"] = `{pools: {chat: {policy: round_robin, model: fake, workers: [{url: "WORKER", api_key: "KEY"}, {url: "` +
		spare.worker.Base() + `", api_key: "KEY"}]}}}`
	return newWorld(t, setup{model: cutting(answer, 1), config: config}), spare
}

// run starts the hub, and waits until both workers are ready: the first one is asked then.
func (w *world) run() {
	w.t.Helper()
	w.hub.Start()
	w.hub.WaitReady()
	w.eventually("both workers are ready", func() bool { return w.hub.Count(`"to":"ready"`) == 2 })
}

// mended checks that the answer was begun again by the pool, and not by another run of
// the turn.
func (w *world) mended(spare *model) {
	w.t.Helper()
	if n, m := len(w.model.prompts()), len(spare.prompts()); n != 1 || m != 1 {
		w.t.Errorf("the workers were asked %d and %d times, want 1 and 1", n, m)
	}
	if w.hub.Count(`"attempt":2,"took"`) > 0 {
		w.t.Error("the turn had to be run again")
	}
}

// TestCutIsMendedByEdit: an answer that broke off before people's eyes begins again and
// takes the place of what they saw, within the same run of its turn.
func TestCutIsMendedByEdit(t *testing.T) {
	t.Parallel()
	answer := counted(40)
	w, spare := broken(t, answer, nil)
	sub := w.sim.Subscribe(1000)
	defer sub.Close()
	w.run()
	w.say(0, ann, "count, please")
	w.told(w.answered(ann, 1), answer)
	w.mended(spare)
	if shown := slices.ContainsFunc(w.sim.Events(0), func(e telegram.Event) bool { return e.Kind == telegram.EventDraft }); !shown {
		t.Error("nobody saw any of it before it broke off")
	}
}

// TestCutOnEveryPlatform: however a platform shows what grows, there is one answer at the
// end, and it is whole.
func TestCutOnEveryPlatform(t *testing.T) {
	t.Parallel()
	answer := counted(40)
	for _, p := range phones(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w, spare := broken(t, answer, map[string]string{
				"http": `{listen: "ADDRESS", public_url: "http://ADDRESS"}`, "channels": "{" + p.name + ": " + p.channel(hubtest.Serve(t, p.server)) + "}",
			})
			w.run()
			if p.connect != nil {
				if err := p.connect(t.Context(), "http://"+w.hub.Address); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.say("count, please"); err != nil {
				t.Fatal(err)
			}
			w.eventually("the whole answer", func() bool { return slices.Equal(p.answers(), []string{answer}) })
			w.mended(spare)
		})
	}
}

// TestCutForGood: what was said stays, with a note, once no run of the turn is left.
func TestCutForGood(t *testing.T) {
	t.Parallel()
	w := start(t, setup{model: cutting(counted(40), 1000)})
	w.say(0, ann, "count, please")
	w.until("a note", func() bool {
		return slices.ContainsFunc(w.answers(ann), func(m telegram.Posted) bool {
			return strings.HasPrefix(m.Text, "word0 word1") && strings.HasSuffix(m.Text, "(The answer broke off here: the model failed. Write \"go on\" to get more.)")
		})
	})
}
