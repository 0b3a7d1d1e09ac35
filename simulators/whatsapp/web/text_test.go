//go:build !nowhatsmeow

package web_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/parley-hub/parley/simulators/whatsapp/web"
)

// Many rounds turn the ratchet; the acks of the messages empty the queue.
func TestRatchet(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	var want []string
	for i := range 25 {
		text := fmt.Sprint("round ", i)
		_, err := r.Say("", ann, text)
		r.must(err)
		c.heard(i + 1)
		c.say(person(ann), "heard "+text)
		want = append(want, text, "heard "+text)
	}
	if got := r.texts(ann); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	r.wait("the acks", func() bool { return r.Pending("") == 0 })
	for _, p := range r.Shown("", ann) {
		if p.Delivered != 1 || p.Read != 0 || len(p.Waiting) > 0 {
			t.Errorf("%+v", p)
		}
	}
	r.noProblems()
}

// Somebody who is addressed by the hidden id can be answered there and by number.
func TestHiddenIDs(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	_, err := r.Say("", bob, "psst")
	r.must(err)
	m := c.heard(1)[0]
	if m.Info.Sender != types.NewJID(bobLID, types.HiddenUserServer) || m.Info.SenderAlt != person(bob) {
		t.Errorf("%+v", m.Info)
	}
	c.say(m.Info.Chat, "by hidden id")
	c.say(person(bob), "by number")
	if got := r.texts(bob); !slices.Equal(got, []string{"psst", "by hidden id", "by number"}) {
		t.Errorf("%q", got)
	}
	c.say(person(ann), "first word to somebody who never wrote")
	if got := r.Shown("", ann); len(got) != 1 || got[0].From != bot {
		t.Errorf("%+v", got)
	}
	r.noProblems()
}

// What waits while a device is away comes in order, and again until it is acked.
func TestOfflineQueue(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	c.Disconnect()
	r.wait("the end", func() bool { return r.Connected("") == 0 })
	for i := range 20 {
		_, err := r.Say("", ann, fmt.Sprint(i))
		r.must(err)
	}
	if n := r.Pending(""); n != 20 {
		t.Errorf("%d wait", n)
	}
	// The handler fails from the tenth on, so those are not acked.
	c.mu.Lock()
	taken, all := 0, make(chan struct{})
	c.accept = func(*events.Message) bool {
		if taken++; taken == 20 {
			close(all)
		}
		return taken <= 10
	}
	c.mu.Unlock()
	r.must(c.Connect())
	c.heard(10)
	r.wait("ten acks", func() bool { return r.Pending("") == 10 })
	<-all // what the client has not handled yet, it handles after it comes back
	c.Disconnect()
	c.mu.Lock()
	c.accept = nil
	c.mu.Unlock()
	r.must(c.Connect())
	var got []string
	for _, m := range c.heard(20) {
		got = append(got, textOf(m))
	}
	for i, text := range got {
		if text != fmt.Sprint(i) {
			t.Fatalf("%q", got)
		}
	}
	r.wait("all acks", func() bool { return r.Pending("") == 0 })
	if e := c.until("the end of the offline messages", has[*events.OfflineSyncCompleted]); len(of[*events.OfflineSyncPreview](e)) == 0 {
		t.Error("no preview")
	}
	r.noProblems()
}

func TestPresenceAndReceipts(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	id, err := r.Say("", ann, "hello")
	r.must(err)
	m := c.heard(1)[0]
	c.Store.PushName = "Parley"
	r.must(c.SendPresence(r.ctx(), types.PresenceAvailable))
	r.must(c.MarkRead(r.ctx(), []types.MessageID{id}, time.Now(), m.Info.Chat, m.Info.Sender))
	r.must(c.SendChatPresence(r.ctx(), m.Info.Chat, types.ChatPresenceComposing, types.ChatPresenceMediaText))
	for _, want := range []web.Event{
		{Kind: web.EventDelivered, Chat: ann, MessageID: id},
		{Kind: web.EventPresence, Text: "available"},
		{Kind: web.EventRead, Chat: ann, MessageID: id},
		{Kind: web.EventTyping, Chat: ann, Text: "composing"},
	} {
		r.wait(string(want.Kind), func() bool {
			return slices.ContainsFunc(r.Events(0), func(e web.Event) bool {
				return e.Kind == want.Kind && e.Chat == want.Chat && e.MessageID == want.MessageID && e.Text == want.Text
			})
		})
	}
	if p := r.Shown("", ann)[0]; p.Read != 1 {
		t.Errorf("%+v", p)
	}
	said := c.say(person(ann), "I read it")
	r.must(r.Read("", ann, ann))
	r.must(r.Type("", ann, ann, true))
	c.until("receipts", func(e []any) bool {
		var kinds []types.ReceiptType
		for _, receipt := range of[*events.Receipt](e) {
			if slices.Contains(receipt.MessageIDs, said) {
				kinds = append(kinds, receipt.Type)
			}
		}
		return slices.Equal(kinds, []types.ReceiptType{types.ReceiptTypeDelivered, types.ReceiptTypeRead})
	})
	typing := of[*events.ChatPresence](c.until("typing", has[*events.ChatPresence]))[0]
	if typing.Sender != person(ann) || typing.State != types.ChatPresenceComposing {
		t.Errorf("%+v", typing)
	}
	if p := r.Shown("", ann)[1]; p.Read != 1 || p.Delivered != 1 {
		t.Errorf("%+v", p)
	}
	r.wait("acks of receipts", func() bool { return r.Pending("") == 0 })
	r.noProblems()
}

// A device lives on in its store: another client over it needs no code and has its sessions.
func TestRestart(t *testing.T) {
	r := start(t, web.Options{})
	first := r.pair(bot)
	_, err := r.Say("", ann, "one")
	r.must(err)
	first.heard(1)
	first.say(person(ann), "to one")
	first.Disconnect()
	_, err = r.Say("", ann, "two")
	r.must(err)
	second := r.newClient(first.store)
	r.must(second.Connect())
	if m := second.heard(1)[0]; textOf(m) != "two" {
		t.Errorf("%+v", m)
	}
	second.say(person(ann), "to two")
	if got := r.texts(ann); !slices.Equal(got, []string{"one", "to one", "two", "to two"}) {
		t.Errorf("%q", got)
	}
	r.noProblems()
}

// The same id is one message, however often it comes.
func TestSameIDIsOneMessage(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	for range 3 {
		_, err := c.SendMessage(r.ctx(), person(ann), textMessage("once"), whatsmeow.SendRequestExtra{ID: "PARLEY0001"})
		r.must(err)
	}
	if got := r.texts(ann); !slices.Equal(got, []string{"once"}) {
		t.Errorf("%q", got)
	}
}

// Prekeys are handed out once each; when few are left, the client is asked for more.
func TestPreKeysAreRefilled(t *testing.T) {
	r := start(t, web.Options{})
	c := r.pair(bot)
	r.must(r.SpendPreKeys("", 7))
	for i := range 5 { // the third leaves four
		phone := fmt.Sprint(4912300000 + i)
		r.AddPerson(web.Person{Phone: phone, Name: phone})
		_, err := r.Say("", phone, "hello")
		r.must(err)
	}
	c.heard(5)
	r.wait("new prekeys", func() bool { return r.PreKeys("") > 50 })
	r.noProblems()
}
