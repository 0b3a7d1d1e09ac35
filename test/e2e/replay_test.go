package e2e

import (
	"strings"
	"testing"

	"github.com/parley-hub/parley/test/hubtest"
)

// TestReplay gives a message that failed for good another chance once the worker is
// back, and drops one that nobody wants.
func TestReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	w.model.worker.Refuse()
	w.hub.Start()
	w.say(0, ann, "hello")
	w.say(0, ben, "hallo")
	w.answered(ann, 1)
	w.answered(ben, 1)
	w.eventually("both are buried", func() bool { return w.metric("parley_queue_dead_letters", `box="inbox"`) == 2 })

	replay := func(args ...string) hubtest.Result {
		return hubtest.Run(t, w.hub.Dir, nil, append([]string{"replay"}, args...)...)
	}
	if got := replay(); got.Code != 1 || !strings.Contains(got.ErrOut, "in use by another process") {
		t.Errorf("beside a running hub: %+v", got)
	}
	if code := w.hub.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	listed := replay()
	lines := strings.Split(strings.TrimSpace(listed.Out), "\n")
	if listed.Code != 0 || len(lines) != 2 || !strings.Contains(lines[0], "retryable: ") || strings.Contains(listed.Out, "hello") {
		t.Fatalf("%+v", listed)
	}
	first, _, _ := strings.Cut(lines[0], " ")
	second, _, _ := strings.Cut(lines[1], " ")
	same(t, "replay", hubtest.Result{Out: "replayed " + first + "\n"}, replay(first))
	same(t, "drop", hubtest.Result{Out: "dropped " + second + "\n"}, replay("--drop", second))
	if got := replay(first); got.Code != 1 || !strings.Contains(got.ErrOut, "no such dead letter: "+first) {
		t.Errorf("replayed twice: %+v", got)
	}
	if got := replay("--drop"); got.Code != 2 {
		t.Errorf("dropping nothing: %+v", got)
	}
	if got := replay("one"); got.Code != 2 {
		t.Errorf("no number: %+v", got)
	}
	same(t, "the list", hubtest.Result{Out: "no dead letters\n"}, replay())

	w.model.worker.Return(t)
	w.hub.Start()
	// Each is known by what was said first, so this is Ann's or Ben's.
	w.eventually("the replayed message is answered", func() bool {
		return len(w.answers(ann))+len(w.answers(ben)) == 3
	})
}
