package telegram_test

import (
	"errors"
	"testing"

	"github.com/parley-hub/parley/simulators/telegram"
)

func TestBlockAndDeactivate(t *testing.T) {
	r := start(t, telegram.Options{})
	r.say("hi")
	r.drain()
	r.must(r.Block(0, ann, true))
	got := r.updates(nil)
	if len(got) != 1 || got[0].MyMember == nil || got[0].MyMember.New.Status != "kicked" || got[0].MyMember.Chat.ID != ann {
		t.Fatalf("got %+v", got)
	}
	send := args{"chat_id": ann, "text": "x"}
	r.refused("sendMessage", send, 403, "Forbidden: bot was blocked by the user")
	if _, err := r.Say(ann, "x"); !errors.Is(err, telegram.ErrBlocked) {
		t.Fatalf("a user who blocked the bot: %v", err)
	}
	r.must(r.Block(0, ann, false))
	ok[telegram.Message](r, "sendMessage", send)
	r.must(r.Deactivate(ann))
	r.refused("sendMessage", send, 403, "Forbidden: user is deactivated")
}

func TestMembership(t *testing.T) {
	r := start(t, telegram.Options{})
	r.AddUser(telegram.User{ID: 9, FirstName: "Cid"})
	if _, err := r.SayIn(group, 9, "x"); !errors.Is(err, telegram.ErrNotMember) {
		t.Fatalf("a stranger: %v", err)
	}
	r.must(r.Join(group, ann, 9))
	r.must(r.Leave(group, 9, 9))
	got := r.updates(nil)
	if len(got) != 2 || got[0].Message.NewChatMembers[0].ID != 9 || got[1].Message.LeftChatMember.ID != 9 {
		t.Fatalf("got %+v", got)
	}
	r.drain()
	r.must(r.Leave(group, ann, botID))
	got = r.updates(nil)
	if len(got) != 1 || got[0].MyMember.Old.Status != "member" || got[0].MyMember.New.Status != "kicked" {
		t.Fatalf("got %+v", got)
	}
	r.refused("sendMessage", args{"chat_id": group, "text": "x"}, 403, "Forbidden: bot was kicked from the group chat")
	r.drain()
	if _, err := r.SayIn(group, ann, "unheard"); err != nil || r.Pending(0) != 0 {
		t.Fatalf("%v, %d pending", err, r.Pending(0))
	}
	r.must(r.Join(group, ann, botID))
	got = r.updates(nil)
	if len(got) != 2 || got[0].MyMember.New.Status != "member" || got[1].Message.NewChatMembers[0].ID != botID {
		t.Fatalf("got %+v", got)
	}
	if n := ok[int](r, "getChatMemberCount", args{"chat_id": group}); n != 3 {
		t.Fatalf("%d members", n)
	}
	if m := ok[map[string]any](r, "getChatMember", args{"chat_id": group, "user_id": ann}); m["status"] != "creator" {
		t.Fatalf("got %v", m)
	}
	if c := ok[telegram.Chat](r, "getChat", args{"chat_id": forum}); c.Type != "supergroup" || !c.IsForum {
		t.Fatalf("got %+v", c)
	}
	ok[bool](r, "leaveChat", args{"chat_id": forum})
	r.refused("sendMessage", args{"chat_id": forum, "text": "x"}, 403, "Forbidden: bot is not a member of the supergroup chat")
}

func TestUpgrade(t *testing.T) {
	r := start(t, telegram.Options{})
	const super = -1009876543210
	r.must(r.Upgrade(group, super))
	got := r.updates(nil)
	if len(got) != 2 || got[0].Message.MigrateToChatID != super || got[0].Message.Chat.ID != group ||
		got[1].Message.MigrateFromChatID != group || got[1].Message.Chat.ID != super {
		t.Fatalf("got %+v", got)
	}
	out := r.refused("sendMessage", args{"chat_id": group, "text": "x"}, 400, "Bad Request: group chat was upgraded to a supergroup chat")
	if out.Parameters.MigrateToChatID != super {
		t.Fatalf("got %s", out.Body)
	}
	ok[telegram.Message](r, "sendMessage", args{"chat_id": super, "text": "x"})
	if _, err := r.SayIn(group, ann, "x"); !errors.Is(err, telegram.ErrMoved) {
		t.Fatalf("got %v", err)
	}
}

func TestTopics(t *testing.T) {
	r := start(t, telegram.Options{})
	thread, err := r.AddTopic(forum, "News")
	r.must(err)
	_, err = r.Speak(telegram.Utterance{Chat: forum, From: bob, Thread: thread, Text: "in it"})
	r.must(err)
	_, err = r.SayIn(forum, bob, "in general")
	r.must(err)
	got := r.updates(nil)
	if len(got) != 3 || got[0].Message.ForumTopicCreated.Name != "News" {
		t.Fatalf("got %+v", got)
	}
	in, general := got[1].Message, got[2].Message
	if in.MessageThreadID != thread || !in.IsTopicMessage || in.ReplyToMessage.MessageID != thread || !in.Chat.IsForum {
		t.Fatalf("in a topic: %+v", in)
	}
	if general.MessageThreadID != 0 || general.IsTopicMessage {
		t.Fatalf("in general: %+v", general)
	}
	m := ok[telegram.Message](r, "sendMessage", args{"chat_id": forum, "text": "x", "message_thread_id": thread})
	reply := ok[telegram.Message](r, "sendMessage", args{"chat_id": forum, "text": "x", "reply_to_message_id": in.MessageID})
	if m.MessageThreadID != thread || reply.MessageThreadID != thread {
		t.Fatalf("sent to %d, reply to %d", m.MessageThreadID, reply.MessageThreadID)
	}
	if _, err := r.Speak(telegram.Utterance{Chat: forum, From: bob, Thread: 999, Text: "x"}); !errors.Is(err, telegram.ErrNoTopic) {
		t.Fatalf("got %v", err)
	}
	plain := ok[telegram.Message](r, "sendMessage", args{"chat_id": group, "text": "x", "message_thread_id": 5})
	if plain.MessageThreadID != 0 {
		t.Fatalf("outside forums: %+v", plain)
	}
}

func TestPrivacyMode(t *testing.T) {
	r := start(t, telegram.Options{})
	m := ok[telegram.Message](r, "sendMessage", args{"chat_id": group, "text": "x"})
	r.must(r.SetPrivacy(0, true))
	for _, u := range []telegram.Utterance{
		{Text: "just chatting"},
		{Text: "@other hello"},
		{Text: "/run@other_bot"},
		{Text: "/help"},
		{Text: "hey @Parley_Bot"},
		{Text: "yes", ReplyTo: m.MessageID},
	} {
		u.Chat, u.From = group, bob
		_, err := r.Speak(u)
		r.must(err)
	}
	var heard []string
	for _, u := range r.updates(nil) {
		heard = append(heard, u.Message.Text)
	}
	if len(heard) != 3 || heard[0] != "/help" || heard[2] != "yes" {
		t.Fatalf("heard %q", heard)
	}
}

func TestSeveralBots(t *testing.T) {
	r := start(t, telegram.Options{})
	r.AddBot("200:other", 200, "other_bot", "Other")
	r.must(r.Join(group, ann, 200))
	r.drain()
	if _, err := r.Say(ann, "to whom?"); !errors.Is(err, telegram.ErrNoBot) {
		t.Fatalf("got %v", err)
	}
	_, err := r.Speak(telegram.Utterance{Bot: 200, From: ann, Text: "to the other"})
	r.must(err)
	_, err = r.SayIn(group, ann, "to all")
	r.must(err)
	if got := r.updates(nil); len(got) != 1 || got[0].Message.Text != "to all" {
		t.Fatalf("got %+v", got)
	}
	if n := r.Pending(200); n != 4 { // it joined (two updates) and was spoken to twice
		t.Fatalf("%d pending for the other", n)
	}
	if len(r.Shown(200, ann)) != 1 || len(r.Shown(botID, ann)) != 0 {
		t.Fatal("private chats of two bots are mixed up")
	}
}
