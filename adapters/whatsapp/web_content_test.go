//go:build !nowhatsmeow

package whatsapp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	websim "github.com/parley-hub/parley/simulators/whatsapp/web"
)

// The address of a file is the sender's to choose. Nobody goes there.
func TestWebForgedMediaHost(t *testing.T) {
	s, a := paired(t)
	var hits atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer inside.Close()
	in, stop, _ := s.connected(a)
	defer stop()
	_, err := s.sim.Speak(websim.Utterance{
		Number: webBot, Person: string(s.Chat(0).Chat),
		Media: &websim.Attachment{Kind: "image", MIME: "image/png", Data: []byte("a picture"), URL: inside.URL + "/latest/meta-data"},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := s.await(in, 1)[0]
	m, ok := e.Parts[0].(core.Media)
	if !ok {
		t.Fatalf("%+v", e.Parts)
	}
	body, err := a.Fetch(s.ctx(), m.File, 1<<20)
	if err == nil {
		data, _ := io.ReadAll(body)
		if string(data) != "a picture" {
			t.Errorf("got %q", data)
		}
	} else if fault.ClassOf(err) != fault.Permanent {
		t.Errorf("refused as %s: %v", fault.ClassOf(err), err)
	}
	if hits.Load() != 0 {
		t.Error("it went where the sender pointed")
	}
}

func TestWebGroups(t *testing.T) {
	const numbered, hidden = "120363000000000001", "120363000000000002"
	s, a := paired(t)
	ann, bob := s.meet(s.person(0)), s.meet(s.person(1))
	for _, id := range []string{numbered, hidden} {
		s.sim.AddGroup(websim.Group{ID: id, Name: id, LID: id == hidden, Members: []string{ann, bob, webBot}})
	}
	in, stop, _ := s.connected(a)
	defer stop()
	n := 0
	say := func(u websim.Utterance) core.Envelope {
		t.Helper()
		u.Number = webBot
		if _, err := s.sim.Speak(u); err != nil {
			t.Fatal(err)
		}
		n++
		return s.await(in, n)[n-1]
	}
	for _, id := range []string{numbered, hidden} {
		chat := core.ChatID(id + "@g.us")
		e := say(websim.Utterance{Person: ann, Group: id, Text: "not for the bot"})
		if e.Addressed || e.In.Place != core.Group || e.In.Chat != chat || string(e.From.ID) != ann {
			t.Errorf("%s: %+v", id, e)
		}
		e = say(websim.Utterance{Person: bob, Group: id, Text: "@" + webBot + " hello", Mention: []string{webBot}})
		if !e.Addressed || string(e.From.ID) != bob {
			t.Errorf("%s: a mention: %+v", id, e)
		}
		r := text(core.ReplyID("e."+id), core.Conversation{Account: "wa-web", Place: core.Group, Chat: chat}, "an answer")
		r.InReplyTo = e.Native
		receipt := s.send(a, r)
		shown := s.sim.Shown(webBot, id)
		last := shown[len(shown)-1]
		if last.Text != "an answer" || !last.ByBot || last.ReplyTo == "" || len(last.Waiting) != 0 {
			t.Errorf("%s: shown %+v", id, last)
		}
		e = say(websim.Utterance{Person: ann, Group: id, Text: "and why?", ReplyTo: last.ID})
		if !e.Addressed || e.ReplyTo == nil || !e.ReplyTo.ByBot || e.ReplyTo.Message != receipt.Message {
			t.Errorf("%s: an answer to the bot: %+v", id, e)
		}
		if e = say(websim.Utterance{Person: ann, Group: id, Text: "/help"}); !e.Addressed {
			t.Errorf("%s: a command: %+v", id, e)
		}
	}
	s.noProblems()
}

// One person is one person, whichever way they write.
func TestWebEverythingInAndOut(t *testing.T) {
	s, a := paired(t)
	ann := s.meet(s.person(1)) // she writes from her hidden id
	in, stop, _ := s.connected(a)
	defer stop()
	n := 0
	say := func(u websim.Utterance) core.Envelope {
		t.Helper()
		u.Number, u.Person = webBot, ann
		if _, err := s.sim.Speak(u); err != nil {
			t.Fatal(err)
		}
		n++
		e := s.await(in, n)[n-1]
		if string(e.From.ID) != ann || string(e.In.Chat) != ann {
			t.Errorf("from %s in %s, want %s", e.From.ID, e.In.Chat, ann)
		}
		return e
	}
	hello := say(websim.Utterance{Text: "hello", ID: "3A01"})
	if hello.From.Name == "" || hello.Native != "3A01" {
		t.Errorf("%+v", hello)
	}
	s.until("the read mark", func() bool {
		return slices.ContainsFunc(s.sim.Events(0), func(e websim.Event) bool { return e.Kind == websim.EventRead && e.MessageID == "3A01" })
	})
	if e := say(websim.Utterance{Edit: "3A01", Text: "hello!"}); e.Kind != core.KindEdit || e.Native != "3A01" || e.Text() != "hello!" {
		t.Errorf("edit: %+v", e)
	}
	r := text("e.0", hello.In, "an answer")
	r.InReplyTo = hello.Native
	sent := s.send(a, r)
	if shown := s.shown(core.ChatID(ann)); len(shown) != 1 || shown[0].ReplyTo != "3A01" || shown[0].ID != string(sent.Message) {
		t.Errorf("shown %+v", shown)
	}
	if e := say(websim.Utterance{Reaction: "👍", ReplyTo: string(sent.Message)}); e.Kind != core.KindReaction || e.Native != sent.Message {
		t.Errorf("reaction: %+v", e)
	}
	if e := say(websim.Utterance{Text: "why?", ReplyTo: string(sent.Message)}); e.ReplyTo == nil || !e.ReplyTo.ByBot || e.ReplyTo.Message != sent.Message {
		t.Errorf("quote: %+v", e)
	}
	if e := say(websim.Utterance{Location: &websim.Location{Latitude: 1, Longitude: 2, Name: "Home"}}); len(e.Parts) != 1 {
		t.Errorf("location: %+v", e)
	} else if l, ok := e.Parts[0].(core.Location); !ok || l.Title != "Home" {
		t.Errorf("location: %+v", e)
	}
	if e := say(websim.Utterance{Delete: "3A01"}); e.Kind != core.KindDelete || e.Native != "3A01" {
		t.Errorf("delete: %+v", e)
	}
	for _, own := range []websim.Utterance{ // from the account's own phone
		{ByOwner: true, Text: "I will see to it myself"}, {ByOwner: true, Text: "and me", ID: "3AFF"},
	} {
		own.Number, own.Person = webBot, ann
		if _, err := s.sim.Speak(own); err != nil {
			t.Fatal(err)
		}
	}
	if e := say(websim.Utterance{Text: "thanks"}); e.Text() != "thanks" {
		t.Errorf("an own message came back: %+v", e)
	}
	if err := a.Typing(s.ctx(), hello.In); err != nil {
		t.Error(err)
	}
	s.until("typing", func() bool {
		return slices.ContainsFunc(s.sim.Events(0), func(e websim.Event) bool { return e.Kind == websim.EventTyping && e.Text == "composing" })
	})
	r = text("e.1", hello.In, "")
	r.Parts = []core.Part{core.Location{Latitude: 3, Longitude: 4}, core.Contact{Name: "Ben", Phone: "+49 1"}}
	first := s.send(a, r)
	r.Sent = []core.MessageID{first.Message}
	s.send(a, r)
	shown := s.shown(core.ChatID(ann))
	if len(shown) != 3 || shown[1].Location == nil || shown[1].Location.Latitude != 3 || shown[2].Contact == nil || shown[2].Contact.Name != "Ben" {
		t.Errorf("shown %+v", shown)
	}
	s.noProblems()
}

func TestWebDraftsGrowByEdits(t *testing.T) {
	s, a := paired(t)
	_, stop, _ := s.connected(a)
	defer stop()
	to := s.Chat(0)
	draft := text("e.0", to, "Let me")
	draft.Final = false
	id := s.send(a, draft).Message
	for _, words := range []string{"Let me think", "Let me think."} {
		draft.Parts = []core.Part{core.Text{Text: words}}
		if _, err := a.Edit(s.ctx(), id, draft); err != nil {
			t.Fatal(err)
		}
	}
	final := text("e.0", to, "42")
	for range 2 { // as after an answer that was lost
		if _, err := a.Edit(s.ctx(), id, final); err != nil {
			t.Fatal(err)
		}
	}
	shown := s.shown(to.Chat)
	if len(shown) != 1 || shown[0].Text != "42" || !slices.Equal(shown[0].Edits, []string{"Let me", "Let me think", "Let me think."}) {
		t.Errorf("shown %+v", shown)
	}
	// A later life knows what is shown. One that forgot does not know how old the message is.
	stop()
	if receipt, err := s.adapter(zerolog.Nop()).Edit(s.ctx(), id, final); err != nil || receipt.Message != id {
		t.Errorf("the final again in a later life: %+v, %v", receipt, err)
	}
	s.wantShown(to.Chat, "42")
	later := s.adapter(zerolog.Nop(), func(set *adapters.Settings) { set.Memory = nil })
	if _, err := later.Edit(s.ctx(), id, text("e.0", to, "43")); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("an edit in a later life: %v", err)
	}
	s.wantShown(to.Chat)
}
