package app

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/records"
)

// Adapters find a reply by any of its messages, as it was when that piece was sent.
func TestSentBy(t *testing.T) {
	store, err := records.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	r := core.Reply{
		ID: core.ReplyTo("e", 0), Final: true, To: core.Conversation{Account: "a", Place: core.Private, Chat: "c"}, Person: "p",
		Parts: []core.Part{core.Text{Text: "hi"}},
	}
	entry, err := records.Replied(r, time.Now(), []core.MessageID{"1", "2"})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Write(t.Context(), []records.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	sent := (&App{stores: &stores{records: store}}).sentBy("a")
	got, ok, err := sent(t.Context(), "c", "2")
	if err != nil || !ok || !got.Final || got.ID != r.ID || !slices.Equal(got.Sent, []core.MessageID{"1"}) {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
	if _, ok, err := sent(t.Context(), "c", "3"); ok || err != nil {
		t.Errorf("a message nobody sent: %v, %v", ok, err)
	}
}
