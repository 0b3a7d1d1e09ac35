package telegram_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/parley-hub/parley/simulators/telegram"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func TestEventsTellTheStory(t *testing.T) {
	r := start(t, telegram.Options{})
	sub := r.Subscribe(16)
	defer sub.Close()
	r.say("hi")
	m := ok[telegram.Message](r, "sendMessage", args{"chat_id": ann, "text": "one"})
	ok[telegram.Message](r, "editMessageText", args{"chat_id": ann, "message_id": m.MessageID, "text": "two"})
	ok[bool](r, "deleteMessage", args{"chat_id": ann, "message_id": m.MessageID})
	want := []struct {
		kind telegram.EventKind
		text string
	}{{telegram.EventMessage, "hi"}, {telegram.EventMessage, "one"}, {telegram.EventEdited, "two"}, {telegram.EventDeleted, ""}}
	for i, w := range want {
		e := <-sub.C
		text := ""
		if e.Message != nil {
			text = e.Message.Text
		}
		if e.Kind != w.kind || text != w.text || e.Chat != ann || e.Bot != botID || e.Seq != int64(i+1) {
			t.Fatalf("event %d: %+v", i, e)
		}
	}
	if got := r.Events(2); len(got) != 2 || got[0].Seq != 3 {
		t.Fatalf("events %+v", got)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	r := start(t, telegram.Options{MaxMessages: 10, MaxCalls: 5, MaxEvents: 7})
	sub := r.Subscribe(1)
	r.must(r.OpenPrivate(0, ann))
	for i := range 50 {
		ok[telegram.Message](r, "sendMessage", args{"chat_id": ann, "text": fmt.Sprint(i)})
	}
	shown, calls, events := r.Shown(0, ann), r.Calls(), r.Events(0)
	if len(shown) != 10 || shown[9].Text != "49" || shown[9].MessageID != 50 {
		t.Fatalf("%d shown", len(shown))
	}
	if len(calls) != 5 || calls[4].Seq != 50 || calls[4].Params["text"] != "49" || calls[0].Seq != 46 {
		t.Fatalf("calls %+v", calls)
	}
	if len(events) != 7 || events[6].Seq != 50 {
		t.Fatalf("events %+v", events)
	}
	if sub.Lost() != 49 {
		t.Fatalf("%d lost", sub.Lost())
	}
	sub.Close()
	sub.Close()
}

func TestWaitEnds(t *testing.T) {
	r := start(t, telegram.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Wait(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	r.Close()
	if err := r.Wait(t.Context(), func() bool { return false }); !errors.Is(err, telegram.ErrClosed) {
		t.Fatalf("got %v", err)
	}
	if _, open := <-r.Subscribe(1).C; open {
		t.Fatal("a subscription to a closed server")
	}
}

// Messages of one chat get ids, updates and events in one order, whoever writes.
func TestOneOrderPerChat(t *testing.T) {
	r := start(t, telegram.Options{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 50 {
				if _, err := r.SayIn(group, ann, fmt.Sprint(w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	events := r.Events(0)
	next := int64(0)
	for range 2 {
		for _, u := range r.updates(args{"offset": next}) {
			e := events[0]
			events = events[1:]
			if u.Message.MessageID != e.MessageID || u.Message.Text != e.Message.Text {
				t.Fatalf("update %+v, event %+v", u.Message, e.Message)
			}
			next = u.ID + 1
		}
	}
	if len(events) != 0 {
		t.Fatalf("%d events without an update", len(events))
	}
}

func BenchmarkSendMessage(b *testing.B) {
	s := telegram.New(telegram.Options{})
	defer s.Close()
	s.AddBot(token, botID, "b", "B")
	s.AddUser(telegram.User{ID: ann, FirstName: "Ann"})
	if err := s.OpenPrivate(0, ann); err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"chat_id":7000000001,"text":"An answer with <b>some</b> markup &amp; a few words more.","parse_mode":"HTML"}`)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/bot"+token+"/sendMessage", bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			w := &recorder{header: http.Header{}}
			s.ServeHTTP(w, req)
			if w.status != http.StatusOK {
				b.Fatalf("%s", w.body)
			}
		}
	})
}
