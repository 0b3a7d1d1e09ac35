package e2e

import (
	"testing"

	telegram "github.com/parley-hub/parley/simulators/telegram"
)

// TestStopDuringAnswer stops the hub while the model thinks: the turn is handed
// back inside the bound and answered once by the next process.
func TestStopDuringAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{config: map[string]string{"shutdown": "2s"}})
	w.sim.AddGroup(group, "Friends", ann, ben, bot)
	w.hub.Start()
	w.model.hold()
	w.say(0, ann, "slow one")
	w.say(group, ben, "@parley_bot slow one")
	w.eventually("the model thinks", func() bool { return len(w.model.prompts()) == 2 })
	w.say(0, ann, "the next")
	w.stored(bot)
	if code := w.hub.Stop(); code != 0 {
		t.Errorf("exit code %d%s", code, w.report())
	}
	for _, chat := range []int64{ann, group} {
		if n := len(w.answers(chat)); n != 0 {
			t.Errorf("%d answers in chat %d before there is one", n, chat)
		}
	}
	w.model.release()
	w.hub.Start()
	w.told(w.answered(group, 1), "You said: Ben: slow one")
	w.told(w.answered(ann, 2), "You said: the next")
	w.told(w.answers(ann)[0], "You said: slow one")
	w.told(w.ask(ann, "the last", 3), "You said: the last")
	same(t, "what the model was told", []string{
		"user: slow one", "assistant: You said: slow one", "user: the next", "assistant: You said: the next", "user: the last",
	}, w.model.heard())
}

// TestStopLetsAnswersFinish stops the hub while the model thinks, for less long
// than the hub waits: what it thought of is told before the hub ends.
func TestStopLetsAnswersFinish(t *testing.T) {
	t.Parallel()
	const people = 40
	w := newWorld(t, setup{config: map[string]string{"shutdown": "10m"}})
	for id := range int64(people) {
		w.sim.AddUser(telegram.User{ID: 100 + id, FirstName: "Somebody"})
	}
	w.hub.Start()
	w.hub.WaitReady()
	w.model.hold()
	for id := range int64(people) {
		w.say(0, 100+id, "slow one")
	}
	w.eventually("the model thinks", func() bool { return len(w.model.prompts()) == people })
	w.hub.Terminate()
	w.logged("stopping: accepting nothing new")
	w.model.release()
	if code := w.hub.WaitEnd(); code != 0 {
		t.Errorf("exit code %d%s", code, w.report())
	}
	for id := range int64(people) {
		if all := w.answers(100 + id); len(all) != 1 || all[0].Text != "You said: slow one" {
			t.Errorf("person %d was told %d things before the hub ended", id, len(all))
		}
	}
	if n := len(w.model.prompts()); n != people {
		t.Errorf("the model was asked %d times", n)
	}
}

// TestSecondSignal ends a hub that would wait for long, and loses nothing.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	w := start(t, setup{config: map[string]string{"shutdown": "10m"}})
	w.model.hold()
	w.say(0, ann, "slow one")
	w.eventually("the model thinks", func() bool { return len(w.model.prompts()) == 1 })
	w.hub.Terminate()
	w.logged("stopping: accepting nothing new")
	w.hub.Terminate()
	if code := w.hub.WaitEnd(); code == 0 {
		t.Error("exit code 0, though it left work undone")
	}
	w.model.release()
	w.hub.Start()
	w.told(w.answered(ann, 1), "You said: slow one")
}
