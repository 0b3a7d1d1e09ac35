package telegram_test

import (
	"testing"
	"time"

	"github.com/parley-hub/parley/simulators/telegram"
)

const notModified = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message"

func TestEdit(t *testing.T) {
	r := start(t, telegram.Options{})
	asked := r.say("question")
	keys := map[string]any{"inline_keyboard": [][]any{{map[string]any{"text": "a", "callback_data": "a"}}}}
	m := ok[telegram.Message](r, "sendMessage", args{"chat_id": ann, "text": "<b>one</b>", "parse_mode": "HTML", "reply_markup": keys})
	at := func(more args) args {
		a := args{"chat_id": ann, "message_id": m.MessageID}
		for k, v := range more {
			a[k] = v
		}
		return a
	}
	r.refused("editMessageText", at(args{"text": "<b>one</b>", "parse_mode": "HTML", "reply_markup": keys}), 400, notModified)
	r.refused("editMessageText", args{"chat_id": ann, "message_id": 99, "text": "x"}, 400, "Bad Request: message to edit not found")
	r.refused("editMessageText", args{"chat_id": ann, "message_id": asked.MessageID, "text": "x"}, 400, "Bad Request: message can't be edited")
	r.refused("editMessageText", at(args{"text": ""}), 400, "Bad Request: message text is empty")
	edited := ok[telegram.Message](r, "editMessageText", at(args{"text": "one", "reply_markup": keys}))
	if edited.Entities != nil || edited.EditDate == 0 || len(edited.Buttons()) != 1 {
		t.Fatalf("edited %+v", edited)
	}
	ok[telegram.Message](r, "editMessageReplyMarkup", at(nil))
	r.refused("editMessageReplyMarkup", at(nil), 400, notModified)
	shown := r.Shown(0, ann)[1]
	if shown.Edits != 2 || shown.ReplyMarkup != nil || shown.Text != "one" {
		t.Fatalf("shown %+v", shown)
	}
	ok[bool](r, "deleteMessage", at(nil))
	r.refused("deleteMessage", at(nil), 400, "Bad Request: message to delete not found")
	r.refused("editMessageText", at(args{"text": "x"}), 400, "Bad Request: message to edit not found")
	r.clock.Add(49 * time.Hour)
	r.refused("deleteMessage", args{"chat_id": ann, "message_id": asked.MessageID}, 400, "Bad Request: message can't be deleted")
}

func TestDeleteNeedsRightsInGroups(t *testing.T) {
	r := start(t, telegram.Options{})
	m, err := r.SayIn(group, bob, "spam")
	r.must(err)
	a := args{"chat_id": group, "message_id": m.MessageID}
	r.refused("deleteMessage", a, 400, "Bad Request: message can't be deleted")
	r.must(r.SetMember(group, ann, botID, "administrator"))
	ok[bool](r, "deleteMessage", a)
}

func TestUserEdits(t *testing.T) {
	r := start(t, telegram.Options{})
	m := r.say("one")
	r.drain()
	if _, err := r.EditSaid(0, ann, m.MessageID, "/two"); err != nil {
		t.Fatal(err)
	}
	got := r.updates(nil)
	if len(got) != 1 || got[0].EditedMessage == nil || got[0].EditedMessage.Text != "/two" ||
		got[0].EditedMessage.EditDate == 0 || got[0].EditedMessage.Entities[0].Type != "bot_command" {
		t.Fatalf("got %+v", got)
	}
	r.must(r.DeleteShown(0, ann, m.MessageID))
	if len(r.Shown(0, ann)) != 0 {
		t.Fatal("still shown")
	}
}

func TestCallbacks(t *testing.T) {
	r := start(t, telegram.Options{})
	r.must(r.OpenPrivate(0, ann))
	keys := map[string]any{"inline_keyboard": [][]any{{map[string]any{"text": "a", "callback_data": "a"}}}}
	m := ok[telegram.Message](r, "sendMessage", args{"chat_id": ann, "text": "x", "reply_markup": keys})
	if _, err := r.Press(0, ann, m.MessageID, ann, "b"); err == nil {
		t.Fatal("pressed a button that is not there")
	}
	id, err := r.Press(0, ann, m.MessageID, ann, "a")
	r.must(err)
	got := r.updates(nil)
	if len(got) != 1 || got[0].Callback.ID != id || got[0].Callback.Message.MessageID != m.MessageID {
		t.Fatalf("got %+v", got)
	}
	answer := args{"callback_query_id": id, "text": "ok", "show_alert": true}
	ok[bool](r, "answerCallbackQuery", answer)
	if a, done := r.Answer(0, id); !done || a.Text != "ok" || !a.ShowAlert {
		t.Fatalf("answer %+v", a)
	}
	const old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
	r.refused("answerCallbackQuery", answer, 400, old)
	late, err := r.Press(0, ann, m.MessageID, ann, "a")
	r.must(err)
	r.clock.Add(time.Hour)
	r.refused("answerCallbackQuery", args{"callback_query_id": late}, 400, old)
}

func TestReactions(t *testing.T) {
	r := start(t, telegram.Options{})
	m := r.say("x")
	a := args{"chat_id": ann, "message_id": m.MessageID, "reaction": []any{map[string]any{"type": "emoji", "emoji": "👀"}}}
	ok[bool](r, "setMessageReaction", a)
	if got := r.Shown(0, ann)[0].Reactions[botID]; len(got) != 1 || got[0] != "👀" {
		t.Fatalf("reactions %v", got)
	}
	ok[bool](r, "setMessageReaction", args{"chat_id": ann, "message_id": m.MessageID})
	if got := r.Shown(0, ann)[0].Reactions; len(got) != 0 {
		t.Fatalf("reactions %v", got)
	}
}
