package adaptertest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
)

// completeEnvelope: an envelope says where, who, what and when, and survives its
// wire form.
func completeEnvelope(t *testing.T, b *bench) {
	in := newInbox(0)
	stop := b.receive(t, in)
	defer stop()
	b.Say(b.Chat(1).Chat, "hello there")
	in.await(t, 1)
	found := in.find("hello there")
	if len(found) != 1 {
		t.Fatalf("%d envelopes with the text that was said", len(found))
	}
	e := found[0]
	if e.ID == "" || e.Native == "" || e.From.ID == "" || e.From.Realm == "" || e.Trace == "" {
		t.Errorf("an id is missing: %+v", e)
	}
	if e.Kind != core.KindMessage || !e.Addressed {
		t.Errorf("kind %q, addressed %v: want a message that is addressed, as all are in private", e.Kind, e.Addressed)
	}
	if e.In != b.Chat(1) {
		t.Errorf("said in %+v, want %+v", e.In, b.Chat(1))
	}
	if e.SentAt.IsZero() || e.SentAt.Location() != time.UTC {
		t.Errorf("sent at %v, want a time in UTC", e.SentAt)
	}
	wire, err := core.EncodeEnvelope(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := core.DecodeEnvelope(wire)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, e) {
		t.Errorf("after its wire form it is\n%+v, was\n%+v", back, e)
	}
}

// nothingIsLost: an inbox that refuses at random gets every message in the end,
// each once, and each chat's in order.
func nothingIsLost(t *testing.T, b *bench) {
	const chats, each = 4, 12
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed+1), func(t *testing.T) {
			b := newBench(t, b.harness)
			in := newInbox(seed + 1)
			var said [chats][]string
			half := func(from, to int) {
				for i := from; i < to; i++ {
					for c := range chats {
						text := fmt.Sprintf("chat %d message %d", c, i)
						said[c] = append(said[c], text)
						b.Say(b.Chat(c).Chat, text)
					}
				}
			}
			half(0, each/2) // before anybody listens
			stop := b.receive(t, in)
			defer stop()
			half(each/2, each)
			in.await(t, chats*each)
			stop()
			for c := range chats {
				if got := in.texts(b.Chat(c).Chat); !slices.Equal(got, said[c]) {
					t.Errorf("chat %d: came %q, said %q", c, got, said[c])
				}
			}
			for _, problem := range in.complaints() {
				t.Error(problem)
			}
		})
	}
}

// sameMessage: what the platform delivers twice has one id, what is said twice two.
func sameMessage(t *testing.T, b *bench) {
	in := newInbox(0)
	stop := b.receive(t, in)
	defer stop()
	chat := b.Chat(0).Chat
	b.SayTwice(chat, "once")
	b.Say(chat, "again")
	b.Say(chat, "again")
	b.Say(b.Chat(1).Chat, "again")
	in.await(t, 4)
	if n := len(in.find("once")); n != 1 {
		t.Errorf("a message that was delivered twice is %d envelopes", n)
	}
	if n := len(in.find("again")); n != 3 {
		t.Errorf("three messages of one text are %d envelopes", n)
	}
}

// runEnds: Run ends with nil when it is told to, also at once and also when it has
// nothing to do, and can be run again.
func runEnds(t *testing.T, b *bench) {
	for range 2 {
		in := newInbox(0)
		stop := b.receive(t, in)
		defer stop() // also when the message does not come
		b.Say(b.Chat(0).Chat, "hello")
		in.await(t, 1)
		stop()
	}
	b.receive(t, newInbox(0))()
}
