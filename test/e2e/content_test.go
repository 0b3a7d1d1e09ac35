package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	telegram "github.com/parley-hub/parley/simulators/telegram"
)

func TestEditOfWaitingMessage(t *testing.T) {
	t.Parallel()
	w := start(t, setup{})
	w.model.hold()
	first := w.say(0, ann, "first")
	w.eventually("the model thinks", func() bool { return len(w.model.prompts()) == 1 })
	second := w.say(0, ann, "secnod")
	if _, err := w.sim.EditSaid(bot, ann, second.MessageID, "second"); err != nil {
		t.Fatal(err)
	}
	w.stored(bot)
	w.model.release()
	w.told(w.answered(ann, 2), "You said: second")
	// What was answered already is not answered again.
	if _, err := w.sim.EditSaid(bot, ann, first.MessageID, "first of all"); err != nil {
		t.Fatal(err)
	}
	w.told(w.ask(ann, "third", 3), "You said: third")
	same(t, "what the model was told", []string{
		"user: first", "assistant: You said: first", "user: second", "assistant: You said: second", "user: third",
	}, w.model.heard())
}

func TestAlbumIsOneQuestion(t *testing.T) {
	t.Parallel()
	w := start(t, setup{})
	photo := telegram.Media{Kind: "photo", Bytes: []byte("not really a photo"), Size: 20_000}
	if _, err := w.sim.SpeakAlbum(telegram.Utterance{Bot: bot, From: ann, Text: "our holidays"}, photo, photo, photo); err != nil {
		t.Fatal(err)
	}
	w.answered(ann, 1)
	same(t, "what the model was told", []string{"user: [photo, 20 KB]\n[photo, 20 KB]\n[photo, 20 KB]\nour holidays"}, w.model.heard())
	w.ask(ann, "nice?", 2)
	if n := len(w.model.prompts()); n != 2 {
		t.Errorf("the model was asked %d times", n)
	}
}

func TestContentIsDescribed(t *testing.T) {
	t.Parallel()
	w := start(t, setup{})
	for i, c := range []struct {
		said telegram.Utterance
		want string
	}{
		{telegram.Utterance{Text: "what is this?", Media: &telegram.Media{Kind: "photo", Size: 1_500_000}}, "[photo, 1.5 MB]\nwhat is this?"},
		{telegram.Utterance{Media: &telegram.Media{Kind: "voice", Duration: 12, Bytes: []byte("hm")}}, "[voice message, 12 s]"},
		{telegram.Utterance{Media: &telegram.Media{Kind: "document", Name: "tax return.pdf", MIME: "application/pdf", Size: 2000}}, "[file, tax return.pdf, 2 KB]"},
		{telegram.Utterance{Media: &telegram.Media{Kind: "sticker", Emoji: "👍"}}, "[sticker, 👍]"},
		{telegram.Utterance{Location: &telegram.Location{Latitude: 59.91, Longitude: 10.75}}, "[location: 59.91000, 10.75000]"},
		{telegram.Utterance{Contact: &telegram.Contact{PhoneNumber: "+4912345", FirstName: "Cy", LastName: "Dee"}}, "[contact: Cy Dee, +4912345]"},
	} {
		c.said.Bot, c.said.From = bot, ann
		w.speak(c.said)
		w.answered(ann, i+1)
		same(t, "what the model was told", c.want, w.model.last())
	}
}

// raw queues an update as the platform would, whatever it holds.
func (w *world) raw(kind, payload string) {
	w.t.Helper()
	if !json.Valid([]byte(payload)) {
		w.t.Fatalf("not JSON: %s", payload)
	}
	if err := w.sim.RawUpdate(bot, kind, json.RawMessage(payload)); err != nil {
		w.t.Fatal(err)
	}
}

func TestButton(t *testing.T) {
	t.Parallel()
	w := start(t, setup{})
	const press = `{"id":"%","from":{"id":7,"first_name":"Ann"},"message":{"message_id":1,"date":1700000000,"chat":{"id":7,"type":"private"}},"data":"#"}`
	w.ask(ann, "hello", 1)
	w.raw("callback_query", strings.NewReplacer("%", "press-of-nothing", "#", "nosuchskill:1").Replace(press))
	w.raw("callback_query", strings.NewReplacer("%", "press-of-help", "#", "help:").Replace(press))
	if m := w.answered(ann, 2); !strings.HasPrefix(m.Text, "You can use:") {
		t.Errorf("the button answered %q", m.Text)
	}
	w.until("both presses are acknowledged", func() bool {
		var seen []string
		for _, c := range w.sim.Calls() {
			if strings.EqualFold(c.Method, "answerCallbackQuery") {
				seen = append(seen, c.Params["callback_query_id"])
			}
		}
		return slices.Contains(seen, "press-of-nothing") && slices.Contains(seen, "press-of-help")
	})
}

// TestOddUpdates sends what nobody answers and what nobody can read: it is kept,
// counted, and holds up nothing.
func TestOddUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	w.sim.AddSupergroup(-1000000000003, "Club", false, ann, bot)
	w.hub.Start()
	w.hub.WaitReady()
	w.ask(ann, "hello", 1)
	if err := w.sim.Join(-1000000000003, ann, ben); err != nil {
		t.Fatal(err)
	}
	if err := w.sim.Leave(-1000000000003, ben, ben); err != nil {
		t.Fatal(err)
	}
	if err := w.sim.SetMember(-1000000000003, ann, bot, "administrator"); err != nil {
		t.Fatal(err)
	}
	w.raw("channel_post", `{"message_id":5,"date":1700000000,"chat":{"id":-1009,"type":"channel","title":"News"},"text":"news"}`)
	w.raw("message", `{"message_id":"seven","chat":[]}`)
	w.raw("message", `{"message_id":9,"date":1700000000,"chat":{"id":7,"type":"private"},"from":{"id":7,"first_name":"Ann"},"hologram":{"size":3}}`)
	w.answered(ann, 2)
	same(t, "what the model was told", "[something this bot cannot read: hologram]", w.model.last())
	w.told(w.ask(ann, "still there?", 3), "You said: still there?")
	w.stored(bot)
	for labels, want := range map[string]float64{
		`stage="accepted" kind="membership"`: 3,
		`stage="ignored" kind="membership"`:  3,
		`stage="accepted" kind="other"`:      2,
		`stage="ignored" kind="other"`:       2,
		`stage="refused" kind="other"`:       1,
	} {
		w.eventually(labels, func() bool { return w.metric("parley_stage_total", strings.Fields(labels)...) == want })
	}
	w.logged("update of an unknown shape kept as it is")
}

// TestRepeatedUpdates delivers messages again, as happens when a confirmation is
// lost: nobody is answered twice.
func TestRepeatedUpdates(t *testing.T) {
	t.Parallel()
	w := start(t, setup{})
	w.sim.Inject(telegram.Fault{Kind: telegram.FaultDuplicate, Chat: ann})
	w.ask(ann, "said once", 1)
	w.ask(ann, "said again", 2)
	w.stored(bot)
	if n, err := w.sim.Redeliver(bot, 2); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	w.ask(ann, "the end", 3)
	w.eventually("the repeated ones are counted", func() bool { return w.metric("parley_stage_total", `stage="duplicate"`) >= 3 })
	if n := len(w.model.prompts()); n != 3 {
		t.Errorf("the model was asked %d times", n)
	}
	same(t, "answers", 3, len(w.answers(ann)))
}

// TestAccess keeps strangers out, and tells them so.
func TestAccess(t *testing.T) {
	t.Parallel()
	w := start(t, setup{config: map[string]string{"access": `{dm: listed, allow: ["telegram:7"], groups: "off"}`}})
	w.told(w.ask(ben, "hello?", 1), "Sorry, this bot is not open to everybody. Its operator can let you in.")
	w.told(w.ask(ann, "hello", 1), "You said: hello")
	w.sim.AddGroup(group, "Friends", ann, ben, bot)
	w.say(group, ann, "@parley_bot and here?")
	w.stored(bot)
	w.eventually("the group is ignored", func() bool { return w.metric("parley_stage_total", `stage="ignored"`) == 2 })
	same(t, "answers in the group", 0, len(w.answers(group)))
}

// TestNoWorker has no model at all: the hub says so and names what works.
func TestNoWorker(t *testing.T) {
	t.Parallel()
	w := start(t, setup{config: map[string]string{"models": ""}})
	text := w.ask(ann, "how are you?", 1).Text
	if !strings.HasPrefix(text, "No model worker is connected to this hub, so I cannot answer that.") ||
		!strings.Contains(text, "workers:\n") || !strings.Contains(text, "/whoami") {
		t.Errorf("it said %q", text)
	}
}
