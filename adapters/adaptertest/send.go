package adaptertest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// reply makes a final reply of one text.
func reply(to core.Conversation, text string) core.Reply {
	return core.Reply{
		ID: core.ReplyTo(core.NewEnvelopeID(to.Account, core.KindMessage, text), 0), Final: true, To: to,
		Parts: []core.Part{core.Text{Text: text}}, Trace: core.NewTraceID(),
	}
}

// all sends a reply to its end.
func (b *bench) all(t *testing.T, r core.Reply) []core.Receipt {
	t.Helper()
	var receipts []core.Receipt
	for {
		receipt, err := b.adapter.Send(t.Context(), r)
		if err != nil {
			b.inspect(t, err)
			t.Fatalf("piece %d: %v", len(r.Sent)+1, err)
		}
		if receipt.Message == "" || slices.Contains(r.Sent, receipt.Message) {
			t.Fatalf("piece %d has no message id of its own: %+v", len(r.Sent)+1, receipt)
		}
		receipts = append(receipts, receipt)
		r.Sent = append(r.Sent, receipt.Message)
		if !receipt.More {
			return receipts
		}
		if len(receipts) > 1000 {
			t.Fatal("a thousand pieces and no end")
		}
	}
}

func (b *bench) shown(t *testing.T, chat core.Conversation, want ...string) {
	t.Helper()
	if got := b.Shown(chat.Chat); !slices.Equal(got, want) {
		t.Errorf("the chat shows %q, want %q", got, want)
	}
}

func sends(t *testing.T, b *bench) {
	receipts := b.all(t, reply(b.Chat(0), "hello"))
	if len(receipts) != 1 || receipts[0].At.IsZero() {
		t.Errorf("receipts %+v, want one with a time", receipts)
	}
	b.all(t, reply(b.Chat(0), "world"))
	b.shown(t, b.Chat(0), "hello", "world")
	b.shown(t, b.Chat(1))
}

// longText: more words than any platform shows in one message all stand there, in
// order, each once.
func longText(t *testing.T, b *bench) {
	want := words(6000)
	receipts := b.all(t, reply(b.Chat(0), strings.Join(want, " ")))
	if len(receipts) < 2 {
		t.Errorf("%d letters in one message", len(want)*10)
	}
	shown := b.Shown(b.Chat(0).Chat)
	if len(shown) != len(receipts) {
		t.Errorf("%d messages stand, %d receipts", len(shown), len(receipts))
	}
	equalWords(t, strings.Fields(strings.Join(shown, " ")), want)
}

// manyChats: Send may be called from many goroutines.
func manyChats(t *testing.T, b *bench) {
	const chats = 8
	var all sync.WaitGroup
	for c := range chats {
		all.Go(func() {
			for _, text := range []string{"one", "two", "three"} {
				if _, err := b.adapter.Send(t.Context(), reply(b.Chat(c), text)); err != nil {
					t.Errorf("chat %d: %v", c, err)
				}
			}
		})
	}
	all.Wait()
	for c := range chats {
		b.shown(t, b.Chat(c), "one", "two", "three")
	}
}

// failures: each has its class, and nothing was sent.
func failures(t *testing.T, b *bench) {
	const told = 7 * time.Second
	for _, test := range []struct {
		name  string
		fail  Failure
		class fault.Class
	}{
		{"rate limit", Failure{How: RateLimit, Wait: told}, fault.RateLimited},
		{"outage", Failure{How: Outage}, fault.Retryable},
		{"revoked", Failure{How: Revoked}, fault.NeedsHuman},
		{"refuse", Failure{How: Refuse}, fault.Permanent},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, b.harness)
			b.Fail(test.fail)
			_, err := b.adapter.Send(t.Context(), reply(b.Chat(0), "hello"))
			if err == nil {
				t.Fatal("the call succeeded")
			}
			b.inspect(t, err)
			if got := fault.ClassOf(err); got != test.class {
				t.Errorf("class %s, want %s: %v", got, test.class, err)
			}
			if fault.IsUnsure(err) {
				t.Errorf("the platform refused, yet the outcome is called unknown: %v", err)
			}
			if b.harness.Untold && test.fail.Wait != 0 && fault.Wait(err) > 0 {
				test.fail.Wait = fault.Wait(err) // a wait of the adapter's own
			}
			if test.fail.Wait != 0 && fault.Wait(err) != test.fail.Wait {
				t.Errorf("wait %v, told %v", fault.Wait(err), test.fail.Wait)
			}
			b.shown(t, b.Chat(0))
			b.all(t, reply(b.Chat(0), "hello again"))
			b.shown(t, b.Chat(0), "hello again")
		})
	}
}

// unsureOutcome: when the answer does not come, the error says that nobody knows.
func unsureOutcome(t *testing.T, b *bench) {
	t.Run("answer lost", func(t *testing.T) {
		b := newBench(t, b.harness)
		b.Fail(Failure{How: LoseAnswer})
		_, err := b.adapter.Send(t.Context(), reply(b.Chat(0), "hello"))
		b.wantUnsure(t, err)
		b.shown(t, b.Chat(0), "hello")
	})
	t.Run("cancelled", func(t *testing.T) {
		b := newBench(t, b.harness)
		b.Fail(Failure{How: Hang})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, err := b.adapter.Send(ctx, reply(b.Chat(0), "hello"))
			ended <- err
		}()
		select {
		case err := <-ended:
			b.wantUnsure(t, err)
		case <-time.After(patience):
			t.Fatal("Send does not end with its context")
		}
	})
}

func (b *bench) wantUnsure(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("the call succeeded")
	}
	b.inspect(t, err)
	if !fault.IsUnsure(err) {
		t.Errorf("the outcome is unknown and the error does not say so: %v", err)
	}
}

// edits: a draft that is a message grows, is cut where it is too long, and becomes
// the final.
func edits(t *testing.T, b *bench) {
	editor, ok := b.adapter.(adapters.Editor)
	if !ok {
		return
	}
	edit := func(id core.MessageID, r core.Reply) core.Receipt {
		t.Helper()
		receipt, err := editor.Edit(t.Context(), id, r)
		if err != nil {
			t.Fatalf("edit: %v", err)
		}
		return receipt
	}
	to := b.Chat(0)
	draft := reply(to, "growing")
	draft.Final = false
	receipt, err := b.adapter.Send(t.Context(), draft)
	if err != nil || receipt.More {
		t.Fatalf("draft: %+v, %v", receipt, err)
	}
	id := receipt.Message

	want := words(6000)
	long := reply(to, strings.Join(want, " "))
	long.Final = false
	if edit(id, long).More {
		t.Error("a draft has more pieces")
	}
	shown := b.Shown(to.Chat)
	if len(shown) != 1 || !strings.HasPrefix(shown[0], want[0]) || strings.Contains(shown[0], want[len(want)-1]) {
		t.Fatalf("a draft that is too long shows %d messages, want one that is cut", len(shown))
	}
	long.Final = true
	receipt = edit(id, long)
	if !receipt.More {
		t.Fatal("the final has no more pieces")
	}
	if edit(id, long).Message != receipt.Message {
		t.Error("the same edit again gives another message")
	}
	long.Sent = []core.MessageID{receipt.Message}
	b.all(t, long)
	equalWords(t, strings.Fields(strings.Join(b.Shown(to.Chat), " ")), want)

	b.Delete(to.Chat, id)
	_, err = editor.Edit(t.Context(), id, draft)
	if got := fault.ClassOf(err); got != fault.Permanent {
		t.Errorf("edit of a message that is gone: class %s, want %s: %v", got, fault.Permanent, err)
	}
}

// typingAndDrafts: neither leaves a message.
func typingAndDrafts(t *testing.T, b *bench) {
	to := b.Chat(0)
	if typer, ok := b.adapter.(adapters.Typer); ok {
		if err := typer.Typing(t.Context(), to); err != nil {
			t.Errorf("typing: %v", err)
		}
	}
	if drafter, ok := b.adapter.(adapters.Drafter); ok && slices.Contains(b.adapter.Describe().Capabilities.DraftsIn, core.Private) {
		for rev, text := range []string{"a", "a longer one", strings.Join(words(6000), " ")} {
			r := reply(to, text)
			r.ID, r.Rev, r.Final = core.ReplyTo("envelope", 0), rev+1, false
			if err := drafter.Draft(t.Context(), r); err != nil {
				t.Errorf("draft %d: %v", r.Rev, err)
			}
		}
	}
	b.shown(t, to)
}
