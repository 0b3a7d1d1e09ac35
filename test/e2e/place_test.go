package e2e

import (
	"slices"
	"strings"
	"testing"

	telegram "github.com/parley-hub/parley/simulators/telegram"
)

func TestGroupAnswersWhenMeant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{})
	w.sim.AddSupergroup(-1000000000001, "Friends", false, ann, ben, bot)
	const place = -1000000000001
	w.hub.Start()
	w.hub.WaitReady()

	w.say(place, ben, "hello everybody")
	w.say(place, ben, "/whoami@other_bot")
	w.say(place, ben, "/nosuchcommand")
	w.say(place, ben, "@other_bot what is this?")
	asked := w.say(place, ann, "@parley_bot who are you?")
	m := w.answered(place, 1)
	w.told(m, "You said: Ann: who are you?")
	if m.ReplyToMessage == nil || m.ReplyToMessage.MessageID != asked.MessageID {
		t.Errorf("the answer quotes %+v, want message %d", m.ReplyToMessage, asked.MessageID)
	}

	w.say(place, ben, "/whoami@parley_bot")
	who := w.answered(place, 2)
	w.told(who, "Name: Ben\nErreicht über: telegram\nRolle: Nutzer\nOrt: Gruppe\nPerson: "+field(who.Text, "Person")+"\nSprache: de")

	w.speak(telegram.Utterance{Chat: place, From: ben, Text: "and why?", ReplyTo: m.MessageID, Quote: "who are you?"})
	w.answered(place, 3)
	same(t, "what the model was told", []string{
		"user: Ann: who are you?", "assistant: You said: Ann: who are you?",
		"user: Ben: [in reply to what you said: \"who are you?\"]\n\tand why?",
	}, w.model.heard())

	w.speak(telegram.Utterance{Chat: place, From: ben, Text: "is that so?", ReplyTo: asked.MessageID})
	w.speak(telegram.Utterance{Chat: place, From: ben, Text: "@parley_bot is that so?", ReplyTo: asked.MessageID})
	w.answered(place, 4)
	same(t, "told", "Ben: [in reply to what Ann said: \"@parley_bot who are you?\"]\n\tis that so?", w.model.last())
	if n := len(w.model.prompts()); n != 3 {
		t.Errorf("the model was asked %d times", n)
	}
}

// field gives a line's value of an answer like that of /whoami.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), name+": "); ok {
			return value
		}
	}
	return "(missing)"
}

func TestTopicsAreApart(t *testing.T) {
	t.Parallel()
	const place = -1000000000002
	w := newWorld(t, setup{})
	w.sim.AddSupergroup(place, "Forum", true, ann, ben, bot)
	var topics []int64
	for _, name := range []string{"Cooking", "Sailing"} {
		topic, err := w.sim.AddTopic(place, name)
		if err != nil {
			t.Fatal(err)
		}
		topics = append(topics, topic)
	}
	w.hub.Start()
	for i, topic := range []int64{topics[0], topics[1], topics[0], 0} {
		w.speak(telegram.Utterance{Chat: place, From: ann, Thread: topic, Text: "@parley_bot question " + string(rune('A'+i))})
		if m := w.answered(place, i+1); m.MessageThreadID != topic || m.IsTopicMessage != (topic != 0) {
			t.Errorf("question %d of topic %d was answered in %d", i, topic, m.MessageThreadID)
		}
		want := []string{"user: Ann: question " + string(rune('A'+i))}
		if i == 2 {
			want = []string{"user: Ann: question A", "assistant: You said: Ann: question A", "user: Ann: question C"}
		}
		same(t, "what the model was told", want, w.model.heard())
	}
}

func TestGroupUpgrade(t *testing.T) {
	t.Parallel()
	const super = -1000000000077
	w := newWorld(t, setup{})
	w.sim.AddGroup(group, "Friends", ann, ben, bot)
	w.hub.Start()
	w.say(group, ann, "@parley_bot remember the boat")
	w.answered(group, 1)

	// A question that the upgrade overtakes is answered where people are then.
	w.model.hold()
	w.say(group, ben, "@parley_bot still here?")
	w.eventually("the model thinks", func() bool { return len(w.model.prompts()) == 2 })
	if err := w.sim.Upgrade(group, super); err != nil {
		t.Fatal(err)
	}
	w.stored(bot)
	w.model.release()
	w.told(w.answered(super, 1), "You said: Ben: still here?")

	w.eventually("the memory moves", func() bool {
		return w.metric("parley_stage_total", `stage="ignored"`, `kind="moved"`) == 1 && w.metric("parley_queue_items", `box="inbox"`) == 0
	})
	w.say(super, ann, "@parley_bot what did I say?")
	w.answered(super, 2)
	same(t, "what the model was told", []string{
		"user: Ann: remember the boat", "assistant: You said: Ann: remember the boat",
		"user: Ben: still here?", "assistant: You said: Ben: still here?", "user: Ann: what did I say?",
	}, w.model.heard())
	if n := len(w.answers(group)); n != 1 {
		t.Errorf("the old group shows %d answers", n)
	}
}

func TestPeopleAreApart(t *testing.T) {
	t.Parallel()
	w := start(t, setup{})
	w.ask(ann, "my secret is 1234", 1)
	w.ask(ben, "hello", 1)
	w.ask(ann, "goodbye", 2)
	w.ask(ben, "what is the secret?", 2)
	for _, prompt := range w.model.prompts() {
		text := prompt[len(prompt)-1].Text
		hers := text == "my secret is 1234" || text == "goodbye"
		for _, m := range prompt {
			if !hers && strings.Contains(m.Text, "1234") {
				t.Errorf("Ben's prompt holds what Ann said: %v", prompt)
			}
		}
	}
	same(t, "Ben's conversation", []string{"user: hello", "assistant: You said: hello", "user: what is the secret?"}, w.model.heard())
}

// twoBots are two accounts of one platform.
const twoBots = `{telegram: {token: "TOKEN", api_url: "API", ` + noLimits + `}, second: {platform: telegram, token: "TOKEN2", api_url: "API", ` + noLimits + `}}`

func TestOnePersonTwoBots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{config: map[string]string{"channels": twoBots}})
	w.sim.AddBot(token2, bot2, "second_bot", "Second")
	w.hub.Start()
	w.ask(ann, "I am in Oslo", 1)
	w.speak(telegram.Utterance{Bot: bot2, From: ann, Text: "where am I?"})
	w.until("the second bot's answer", func() bool { return len(w.answersOf(bot2, ann)) == 1 })
	same(t, "what the model was told", []string{"user: I am in Oslo", "assistant: You said: I am in Oslo", "user: where am I?"}, w.model.heard())
	if n := len(w.answers(ann)); n != 1 {
		t.Errorf("the first bot said %d things", n)
	}
	// In groups the place remembers, not the person.
	w.sim.AddGroup(group, "Friends", ann, ben, bot, bot2)
	w.say(group, ann, "@parley_bot and here?")
	w.answered(group, 1)
	same(t, "what the model was told", []string{"user: Ann: and here?"}, w.model.heard())
	if slices.ContainsFunc(w.sim.Shown(0, group), func(m telegram.Posted) bool { return m.ByBot == bot2 }) {
		t.Error("the bot that was not meant answered")
	}
}
