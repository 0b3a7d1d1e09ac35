// Package recordstest proves that a store keeps the contract of package records.
package recordstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/records"
)

// Run puts stores through the contract. open gives a new, empty store; the suite
// closes it.
func Run(t *testing.T, open func(t *testing.T) records.Store) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, records.Store)
	}{
		{"EmptyStore", emptyStore},
		{"KeepsEveryField", keepsEveryField},
		{"OddText", oddText},
		{"TimeOrder", timeOrder},
		{"BatchIsAllOrNone", batchIsAllOrNone},
		{"Idempotent", idempotent},
		{"ConcurrentWriters", concurrentWriters},
		{"ExportStreams", exportStreams},
		{"ExportStops", exportStops},
		{"ExportSeesItsBeginning", exportSeesItsBeginning},
		{"FindByMessage", findByMessage},
		{"EraseLeavesOthers", eraseLeavesOthers},
		{"EraseHoldsForStragglers", eraseHoldsForStragglers},
		{"EndOfContext", endOfContext},
		{"Closed", closed},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			test.run(t, s)
		})
	}
}

// past is before any erasure of a test, future behind it.
var (
	past   = time.Date(2020, 2, 29, 12, 0, 0, 0, time.UTC)
	future = time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC)
)

// said is an entry of what a person said in their private chat.
func said(person core.PersonID, n int) records.Entry {
	id := core.EnvelopeID(fmt.Sprintf("%s-%06d", person, n))
	return records.Entry{
		ID: records.EntryID(id, records.In), Direction: records.In, Person: person,
		Conversation: core.Conversation{Account: "a", Place: core.Private, Chat: core.ChatID(person)},
		Sender:       core.Sender{Realm: "r", ID: core.UserID(person)},
		Envelope:     id, Native: "1", Kind: core.KindMessage, Body: fmt.Appendf(nil, "text %d", n),
		At: past.Add(time.Duration(n) * time.Second),
	}
}

// answered is the index-th answer to said(person, n), a moment later.
func answered(person core.PersonID, n, index int) records.Entry {
	e := said(person, n)
	e.ID, e.Direction = records.EntryID(core.ReplyTo(e.Envelope, index), records.Out), records.Out
	e.Sender, e.Messages = core.Sender{}, []core.MessageID{"11", "12"}
	return e
}

func write(t *testing.T, s records.Store, entries ...records.Entry) {
	t.Helper()
	if err := s.Write(t.Context(), entries); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func export(t *testing.T, s records.Store, person core.PersonID) []records.Entry {
	t.Helper()
	var out []records.Entry
	if err := s.Export(t.Context(), person, func(e records.Entry) error { out = append(out, e); return nil }); err != nil {
		t.Fatalf("Export: %v", err)
	}
	return out
}

func wantExport(t *testing.T, s records.Store, person core.PersonID, want ...records.Entry) {
	t.Helper()
	// Byte by byte, a large body would take seconds to compare.
	if diff := cmp.Diff(want, export(t, s, person), cmp.Comparer(bytes.Equal)); diff != "" {
		t.Errorf("export of %s (-want +got):\n%s", person, diff)
	}
}

func erase(t *testing.T, s records.Store, person core.PersonID, want int64) {
	t.Helper()
	if n, err := s.Erase(t.Context(), person); err != nil || n != want {
		t.Fatalf("Erase of %s = %d, %v; want %d", person, n, err, want)
	}
}

func emptyStore(t *testing.T, s records.Store) {
	write(t, s)
	wantExport(t, s, "nobody")
	erase(t, s, "nobody", 0)
}

func keepsEveryField(t *testing.T, s records.Store) {
	full := records.Entry{
		ID: "e/in", Direction: records.In, Person: "p",
		Conversation: core.Conversation{Account: "a", Place: core.Group, Chat: "c'; DROP TABLE transcripts; --", Thread: "t"},
		Sender: core.Sender{
			Realm: "r", ID: "u", Name: "Zoë \U0001F469\u200D\U0001F467 \u202Ertl\u202C שלום", Handle: "@zoë", Language: "pt-BR", Bot: true,
		},
		Envelope: "e", Native: "n", Kind: core.KindAction,
		Body: []byte("any bytes: \x00\xff\xfe 漢字 𝒳 \u0301"),
		At:   past.Add(123456789 * time.Nanosecond), Skill: "ß", Rule: "\"quoted\"\n",
	}
	bare := records.Entry{ID: "e.0/out", Direction: records.Out, Person: "p", At: past.Add(-100 * 365 * 24 * time.Hour)}
	local := said("p", 1)
	local.At = local.At.In(time.FixedZone("east", 5*3600))
	large := said("p", 2)
	large.Body = []byte(strings.Repeat("x", 1<<20))
	write(t, s, full, bare, local, large)

	full.At = past.Add(123 * time.Millisecond)
	local.At = local.At.UTC()
	wantExport(t, s, "p", bare, full, local, large)
}

// What no text may hold in some databases keeps nothing from being stored and found.
func oddText(t *testing.T, s records.Store) {
	odd := answered("p", 1, 0)
	odd.Sender.Name, odd.Conversation.Chat, odd.Messages = "a\x00b\xff", "c\x00", []core.MessageID{"m\x00"}
	write(t, s, said("p", 1), odd, said("p", 2))
	if got := export(t, s, "p"); len(got) != 3 || !bytes.Equal(got[1].Body, odd.Body) || !strings.HasPrefix(got[1].Sender.Name, "a") {
		t.Errorf("export: %+v", got)
	}
	if got, ok, err := s.Find(t.Context(), "a", "c\x00", "m\x00"); err != nil || !ok || got.ID != odd.ID {
		t.Errorf("Find = %+v, %v, %v", got, ok, err)
	}
}

func timeOrder(t *testing.T, s records.Store) {
	const questions, answers = 3, 12
	want := make([]records.Entry, 0, questions*(1+answers))
	for n := range questions {
		want = append(want, said("p", n))
		for index := range answers { // ten and more: ids must not be ordered as text
			want = append(want, answered("p", n, index))
		}
	}
	for i := len(want) - 1; i >= 0; i-- {
		write(t, s, want[i])
	}
	wantExport(t, s, "p", want...)
}

func batchIsAllOrNone(t *testing.T, s records.Store) {
	for name, spoil := range map[string]func(*records.Entry){
		"no id":        func(e *records.Entry) { e.ID = "" },
		"no direction": func(e *records.Entry) { e.Direction = "sideways" },
		"nobody":       func(e *records.Entry) { e.Person = "" },
	} {
		bad := said("p", 2)
		spoil(&bad)
		err := s.Write(t.Context(), []records.Entry{said("p", 1), bad, said("p", 3)})
		if fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%s: Write = %v (%v), want a permanent fault", name, err, fault.ClassOf(err))
		}
	}
	wantExport(t, s, "p")
	write(t, s, said("p", 1), said("p", 2), said("q", 1), said("p", 3))
	wantExport(t, s, "p", said("p", 1), said("p", 2), said("p", 3))
}

func idempotent(t *testing.T, s records.Store) {
	again := said("p", 1)
	again.Body = []byte("the first one counts")
	write(t, s, said("p", 1), said("p", 1))
	write(t, s, again, said("p", 2))
	write(t, s, said("p", 2), answered("p", 2, 0))
	wantExport(t, s, "p", said("p", 1), said("p", 2), answered("p", 2, 0))
}

func concurrentWriters(t *testing.T, s records.Store) {
	const writers, each = 8, 25
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range each {
				// Every second entry is written by all.
				e := said("p", n)
				if n%2 == 0 {
					e = said("p", w*each+n+1000)
				}
				if err := s.Write(t.Context(), []records.Entry{e}); err != nil {
					t.Errorf("Write: %v", err)
				}
				if err := s.Export(t.Context(), "p", func(records.Entry) error { return nil }); err != nil {
					t.Errorf("Export: %v", err)
				}
			}
		})
	}
	group.Wait()
	if n := len(export(t, s, "p")); n != writers*13+12 {
		t.Errorf("%d entries, want %d", n, writers*13+12)
	}
}

func exportStreams(t *testing.T, s records.Store) {
	const many = 10_000
	batch := make([]records.Entry, 0, many)
	for n := range many {
		batch = append(batch, said("p", n))
	}
	write(t, s, batch...)
	n := 0
	err := s.Export(t.Context(), "p", func(e records.Entry) error {
		if e.ID != batch[n].ID {
			return fmt.Errorf("entry %d is %s", n, e.ID)
		}
		n++
		return nil
	})
	if err != nil || n != many {
		t.Errorf("Export gave %d entries, %v", n, err)
	}
	erase(t, s, "p", many)
}

func exportStops(t *testing.T, s records.Store) {
	write(t, s, said("p", 1), said("p", 2), said("p", 3))
	stop, n := errors.New("enough"), 0
	err := s.Export(t.Context(), "p", func(records.Entry) error {
		if n++; n == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 2 {
		t.Errorf("Export = %v after %d entries", err, n)
	}
	wantExport(t, s, "p", said("p", 1), said("p", 2), said("p", 3))
}

func exportSeesItsBeginning(t *testing.T, s records.Store) {
	write(t, s, said("p", 1), said("p", 2))
	n := 0
	err := s.Export(t.Context(), "p", func(records.Entry) error {
		n++
		return s.Write(t.Context(), []records.Entry{said("p", 100+n)})
	})
	if err != nil || n != 2 {
		t.Errorf("Export = %v after %d entries", err, n)
	}
	wantExport(t, s, "p", said("p", 1), said("p", 2), said("p", 101), said("p", 102))
}

func findByMessage(t *testing.T, s records.Store) {
	one, two := answered("p", 1, 0), answered("p", 2, 0)
	two.Messages = []core.MessageID{"21"}
	other := answered("q", 1, 0)
	other.Messages = []core.MessageID{"11"} // in another chat a message of the same id is another one
	write(t, s, one, two, said("p", 3), other)
	write(t, s, one) // again
	find := func(account core.Account, chat core.ChatID, message core.MessageID, want *records.Entry) {
		t.Helper()
		got, ok, err := s.Find(t.Context(), account, chat, message)
		switch {
		case err != nil, ok != (want != nil):
			t.Errorf("Find of %s in %s = %v, %v", message, chat, ok, err)
		case ok:
			if diff := cmp.Diff(*want, got); diff != "" {
				t.Errorf("Find of %s in %s (-want +got):\n%s", message, chat, diff)
			}
		}
	}
	find("a", "p", "11", &one)
	find("a", "p", "12", &one)
	find("a", "p", "21", &two)
	find("a", "q", "11", &other)
	find("b", "p", "11", nil)
	find("a", "p", "1", nil) // what a person said is no message of the bot
	erase(t, s, "p", 3)
	find("a", "p", "11", nil)
	find("a", "q", "11", &other)
}

func eraseLeavesOthers(t *testing.T, s records.Store) {
	inGroup := func(e records.Entry) records.Entry {
		e.ID = "group/" + e.ID
		e.Conversation = core.Conversation{Account: "a", Place: core.Group, Chat: "g"}
		return e
	}
	write(t, s, said("p", 1), answered("p", 1, 0), said("q", 1), answered("q", 1, 0))
	write(t, s, inGroup(said("p", 2)), inGroup(answered("p", 2, 0)), inGroup(said("q", 2)), inGroup(answered("q", 2, 0)))
	erase(t, s, "p", 4)
	wantExport(t, s, "p")
	wantExport(t, s, "q", said("q", 1), answered("q", 1, 0), inGroup(said("q", 2)), inGroup(answered("q", 2, 0)))
	erase(t, s, "p", 0)
	erase(t, s, "q", 4)
}

func eraseHoldsForStragglers(t *testing.T, s records.Store) {
	write(t, s, said("p", 1))
	erase(t, s, "p", 1)
	later := said("p", 3)
	later.At = future
	write(t, s, said("p", 1), said("p", 2), later, said("q", 1))
	wantExport(t, s, "p", later)
	wantExport(t, s, "q", said("q", 1))
}

func endOfContext(t *testing.T, s records.Store) {
	write(t, s, said("p", 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	retryable := func(what string, err error) {
		t.Helper()
		if fault.ClassOf(err) != fault.Retryable || !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v (%v), want a retryable fault of the context", what, err, fault.ClassOf(err))
		}
	}
	retryable("Write", s.Write(ctx, []records.Entry{said("p", 2)}))
	retryable("Export", s.Export(ctx, "p", func(records.Entry) error { return nil }))
	_, _, err := s.Find(ctx, "a", "p", "1")
	retryable("Find", err)
	_, err = s.Erase(ctx, "p")
	retryable("Erase", err)
	wantExport(t, s, "p", said("p", 1))
}

func closed(t *testing.T, s records.Store) {
	write(t, s, said("p", 1))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	over := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, records.ErrClosed) || fault.ClassOf(err) != fault.Retryable {
			t.Errorf("%s = %v (%v), want a retryable ErrClosed", what, err, fault.ClassOf(err))
		}
	}
	over("Write", s.Write(t.Context(), []records.Entry{said("p", 2)}))
	over("Export", s.Export(t.Context(), "p", func(records.Entry) error { return nil }))
	_, _, err := s.Find(t.Context(), "a", "p", "1")
	over("Find", err)
	_, err = s.Erase(t.Context(), "p")
	over("Erase", err)
}
