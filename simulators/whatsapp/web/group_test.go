//go:build !nowhatsmeow

package web_test

import (
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/parley-hub/parley/simulators/whatsapp/web"
)

func TestGroups(t *testing.T) {
	for _, group := range []string{room, lidRoom} {
		t.Run(group, func(t *testing.T) {
			r := start(t, web.Options{})
			c := r.pair(bot)
			speak := func(who, text string) {
				t.Helper()
				_, err := r.Speak(web.Utterance{Person: who, Group: group, Text: text, Mention: []string{bot}})
				r.must(err)
			}
			speak(ann, "hello all")
			speak(bob, "hello too")
			speak(ann, "with the key that is known")
			got := c.heard(3)
			for i, want := range []string{annLID, bobLID, annLID} {
				info := got[i].Info
				hidden, number := info.Sender, info.SenderAlt
				if group == room {
					hidden, number = number, hidden
				}
				if info.Chat != groupJID(group) || hidden.User != want || number.Server != types.DefaultUserServer || !info.IsGroup {
					t.Errorf("%+v", info)
				}
			}
			if m := got[0].Message.GetExtendedTextMessage().GetContextInfo().GetMentionedJID(); len(m) != 1 {
				t.Errorf("mentioned: %v", m)
			}
			for _, text := range []string{"one", "two"} {
				c.say(groupJID(group), text)
			}
			speak(bob, "thanks")
			c.heard(4)
			want := []string{"hello all", "hello too", "with the key that is known", "one", "two", "thanks"}
			if got := r.texts(group); !slices.Equal(got, want) {
				t.Errorf("%q", got)
			}
			if p := r.Shown("", group)[3]; p.Delivered != 2 || !p.ByBot || len(p.Waiting) > 0 {
				t.Errorf("%+v", p)
			}
			r.wait("the acks", func() bool { return r.Pending("") == 0 })
			r.noProblems()
		})
	}
}

func TestEditsDeletesReactionsQuotes(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	for _, where := range []struct {
		chat, group string
		jid         types.JID
	}{{ann, "", person(ann)}, {room, room, groupJID(room)}, {lidRoom, lidRoom, groupJID(lidRoom)}} {
		speak := func(u web.Utterance) string {
			t.Helper()
			u.Person, u.Group = ann, where.group
			id, err := r.Speak(u)
			r.must(err)
			return id
		}
		r.wait("the acks", func() bool { return r.Pending("") == 0 })
		before := len(messages(c.until("", func([]any) bool { return true })))
		first := speak(web.Utterance{Text: "frist"})
		said := c.say(where.jid, "answer")
		speak(web.Utterance{Edit: first, Text: "first"})
		speak(web.Utterance{ReplyTo: said, Text: "quoting"})
		speak(web.Utterance{ReplyTo: said, Reaction: "👍"})
		speak(web.Utterance{ReplyTo: said, Reaction: web.NoReaction})
		speak(web.Utterance{Delete: first})
		got := c.heard(before + 6)[before:]
		sender := got[0].Info.Sender
		edit := got[1].Message.GetProtocolMessage()
		if edit == nil {
			edit = got[1].Message.GetEditedMessage().GetMessage().GetProtocolMessage()
		}
		if !got[1].IsEdit || edit.GetKey().GetID() != first || edit.GetEditedMessage().GetConversation() != "first" {
			t.Errorf("%+v", got[1].Message)
		}
		if ctx := got[2].Message.GetExtendedTextMessage().GetContextInfo(); ctx.GetStanzaID() != said {
			t.Errorf("%+v", ctx)
		}
		if re := got[3].Message.GetReactionMessage(); re.GetText() != "👍" || re.GetKey().GetID() != said {
			t.Errorf("%+v", re)
		}
		if re := got[4].Message.GetReactionMessage(); re == nil || re.GetText() != "" {
			t.Errorf("%+v", got[4].Message)
		}
		if p := got[5].Message.GetProtocolMessage(); p.GetType() != waE2E.ProtocolMessage_REVOKE || p.GetKey().GetID() != first {
			t.Errorf("%+v", got[5].Message)
		}
		second := speak(web.Utterance{Text: "second"})
		quote := &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
			Text: proto.String("about second"), ContextInfo: &waE2E.ContextInfo{
				StanzaID: &second, Participant: proto.String(sender.ToNonAD().String()), QuotedMessage: textMessage("second"),
				MentionedJID: []string{sender.ToNonAD().String()},
			},
		}}
		for _, m := range []*waE2E.Message{
			c.BuildEdit(where.jid, said, textMessage("better answer")),
			c.BuildReaction(where.jid, sender, second, "🎉"),
			quote,
		} {
			_, err := c.SendMessage(r.ctx(), where.jid, m)
			r.must(err)
		}
		gone := c.say(where.jid, "mistake")
		_, err := c.SendMessage(r.ctx(), where.jid, c.BuildRevoke(where.jid, types.EmptyJID, gone))
		r.must(err)
		shown := map[string]web.Posted{}
		for _, p := range r.Shown("", where.chat) {
			shown[p.ID] = p
		}
		if p := shown[first]; !p.Deleted || p.Text != "" || len(p.Edits) != 1 {
			t.Errorf("%+v", p)
		}
		if p := shown[said]; p.Text != "better answer" || !slices.Equal(p.Edits, []string{"answer"}) || len(p.Reactions) != 0 {
			t.Errorf("%+v", p)
		}
		if p := shown[second]; p.Reactions[bot] != "🎉" {
			t.Errorf("%+v", p)
		}
		if p := shown[gone]; !p.Deleted {
			t.Errorf("%+v", p)
		}
		quoted := slices.IndexFunc(r.Shown("", where.chat), func(p web.Posted) bool { return p.ReplyTo == second })
		if quoted < 0 || !slices.Equal(r.Shown("", where.chat)[quoted].Mentions, []string{ann}) {
			t.Errorf("%+v", r.Shown("", where.chat))
		}
	}
	r.noProblems()
}

// A device learns what the number's own phone writes.
func TestOwnPhone(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	_, err := r.Speak(web.Utterance{Person: ann, ByOwner: true, Text: "from the phone"})
	r.must(err)
	_, err = r.Speak(web.Utterance{Group: room, ByOwner: true, Text: "from the phone, to all"})
	r.must(err)
	for i, m := range c.heard(2) {
		if !m.Info.IsFromMe || textOf(m) == "" || m.Info.Chat != []types.JID{person(ann), groupJID(room)}[i] {
			t.Errorf("%+v", m)
		}
	}
	if p := r.Shown("", ann); len(p) != 1 || p[0].ByBot || p[0].From != bot {
		t.Errorf("%+v", p)
	}
	r.noProblems()
}

// Two real clients, each linked to a number of its own, talk through the server.
func TestTwoClients(t *testing.T) {
	const other = "4915551001"
	r := start(t, web.Options{})
	r.AddNumber(web.Number{Phone: other, Name: "Other"})
	r.AddGroup(web.Group{ID: "120363000000000003", Name: "Both", Members: []string{bot, other, ann}})
	one, two := r.pair(bot), r.pair(other)
	one.say(person(other), "are you there")
	m := two.heard(1)[0]
	if textOf(m) != "are you there" || m.Info.Sender.User != bot || m.Info.PushName != "Parley" {
		t.Errorf("%+v", m)
	}
	two.say(m.Info.Chat, "yes")
	if textOf(one.heard(1)[0]) != "yes" {
		t.Error("no answer")
	}
	all := groupJID("120363000000000003")
	one.say(all, "hello")
	two.say(all, "hello too")
	one.say(all, "again")
	if got := two.heard(3); textOf(got[1]) != "hello" || textOf(got[2]) != "again" {
		t.Errorf("%+v", got)
	}
	if got := one.heard(2); textOf(got[1]) != "hello too" {
		t.Errorf("%+v", got)
	}
	if got := r.Shown(bot, all.User); len(got) != 3 || !got[0].ByBot || got[1].ByBot {
		t.Errorf("%+v", got)
	}
	r.wait("receipts of both", func() bool {
		shown := r.Shown(bot, other)
		return len(shown) == 2 && shown[0].Delivered == 1 && r.Pending(bot) == 0 && r.Pending(other) == 0
	})
	r.noProblems()
}
