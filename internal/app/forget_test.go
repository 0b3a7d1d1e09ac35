package app

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/session"
)

// Forgetting drops the copies of files that somebody sent or was sent, and nobody else's.
func TestForgetDropsFiles(t *testing.T) {
	b := newBench(t, session.Policy{})
	ctx := t.Context()
	put := func(ref core.BlobRef) core.BlobRef {
		if _, err := b.blobs.Put(ctx, ref, strings.NewReader("bytes"), 100); err != nil {
			t.Fatal(err)
		}
		return ref
	}
	who := func(n int) core.Sender { return core.Sender{Realm: "r", ID: core.UserID(fmt.Sprint(n))} }
	var entries []records.Entry
	refs := map[int][]core.BlobRef{}
	for n := range 2 {
		sent := core.Media{File: core.FileRef(fmt.Sprint("file", n))}
		made := core.Media{Blob: core.NewBlobRef("turn", fmt.Sprint(n), "0")}
		in := core.Conversation{Account: "bot1", Chat: core.ChatID(fmt.Sprint(n)), Place: core.Private}
		e := core.Envelope{ID: core.EnvelopeID(fmt.Sprint("e", n)), Kind: core.KindMessage, In: in, From: who(n), Parts: []core.Part{core.Text{Text: "look"}, sent}}
		heard, err := records.Received(e, who(n).Person(), time.Now(), "chat", "")
		if err != nil {
			t.Fatal(err)
		}
		said, err := records.Replied(core.Reply{ID: core.ReplyID(fmt.Sprint("e", n, ".0")), To: in, Person: who(n).Person(), Parts: []core.Part{made}}, time.Now(), []core.MessageID{"1"})
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, heard, said)
		refs[n] = []core.BlobRef{put(adapters.BlobOf("bot1", sent)), put(made.Blob)}
	}
	if err := b.persons.records.Write(ctx, entries); err != nil {
		t.Fatal(err)
	}
	if _, err := b.persons.forget(ctx, operator(), who(0).Person(), []place{{who: who(0)}}, false); err != nil {
		t.Fatal(err)
	}
	for n, list := range refs {
		for _, ref := range list {
			if _, err := b.blobs.Stat(ctx, ref); (n == 0) != errors.Is(err, blobs.ErrNotFound) {
				t.Errorf("person %d: %v", n, err)
			}
		}
	}
}
