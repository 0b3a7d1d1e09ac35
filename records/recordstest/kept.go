package recordstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/records"
)

// by is an entry of what an account said.
func by(a, n int) records.Entry {
	e := said(who(a).Base(), n)
	e.ID = fmt.Sprintf("%d/%d", a, n)
	e.Conversation = who(a).Home
	return e
}

func exportAndEraseCoverAllAccounts(t *testing.T, d *desk) {
	write(t, d, by(1, 1), by(2, 2), by(1, 3), by(3, 4), by(9, 5))
	d.link(1, 2)
	d.link(1, 3)
	person := d.person(1)
	wantExport(t, d, person, by(1, 1), by(2, 2), by(1, 3), by(3, 4))
	// Who is somebody else now is nobody of that name.
	wantExport(t, d, who(2).Base())
	d.unlink(1, records.Choice{Base: who(1).Base()})
	wantExport(t, d, person, by(2, 2), by(3, 4))
	wantExport(t, d, d.person(1), by(1, 1), by(1, 3))
	erase(t, d, person, 2)
	wantExport(t, d, d.person(1), by(1, 1), by(1, 3))
	wantExport(t, d, who(9).Base(), by(9, 5))
	write(t, d, by(3, 6)) // said before it was erased, written behind it
	wantExport(t, d, person)
}

func forget(t *testing.T, d *desk) {
	for _, links := range []bool{false, true} {
		a, b := 1, 2
		if links {
			a, b = 3, 4
		}
		write(t, d, by(a, 10*a), by(b, 10*b), by(9, a))
		d.link(a, b)
		code := d.issue(a)
		home := records.Address{Base: who(a).Base(), In: who(a).Home, At: d.now}
		if err := d.Seen(t.Context(), []records.Address{home}); err != nil {
			t.Fatal(err)
		}
		person := d.person(a)
		if err := d.SetReach(t.Context(), person, records.Reach{Mode: records.ReachAll}); err != nil {
			t.Fatal(err)
		}
		why := d.cause(who(a))
		out, err := d.Forget(t.Context(), why, person, links)
		if err != nil || out.Entries != 2 || out.Accounts != 2 {
			t.Fatalf("Forget = %+v, %v", out, err)
		}
		out.Delta = records.Delta{}
		again, err := d.Forget(t.Context(), why, person, links)
		if diff := cmp.Diff(out, again); diff != "" || err != nil {
			t.Errorf("again: %v\n%s", err, diff)
		}
		wantExport(t, d, d.person(a))
		wantExport(t, d, d.person(b))
		if (d.person(a) == d.person(b)) == links {
			t.Errorf("links=%v: one person: %v", links, d.person(a) == d.person(b))
		}
		if err := d.Seen(t.Context(), []records.Address{home}); err != nil { // on its way through the ledger
			t.Fatal(err)
		}
		list, err := d.Addresses(t.Context(), d.person(a))
		r, err2 := d.Reach(t.Context(), person)
		if len(list) > 0 || r.Mode != records.ReachLast || errors.Join(err, err2) != nil {
			t.Errorf("left: %v %v %v %v", list, r, err, err2)
		}
		if out := d.redeem(7, code); out.Outcome != records.Wrong {
			t.Errorf("a code of before: %+v", out)
		}
	}
	if n := len(export(t, d, who(9).Base())); n != 2 {
		t.Errorf("%d entries of somebody else are left, want 2", n)
	}
}

func addresses(t *testing.T, d *desk) {
	at := func(n, minute int, chat core.ChatID) records.Address {
		in := who(n).Home
		if chat != "" {
			in.Chat = chat
		}
		return records.Address{Base: who(n).Base(), In: in, At: future.Add(time.Duration(minute) * time.Minute)}
	}
	elsewhere := at(1, 7, "")
	elsewhere.In.Account = "second"
	seen := func(a ...records.Address) {
		t.Helper()
		if err := d.Seen(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	seen()
	seen(at(1, 5, "old"), at(2, 6, ""), elsewhere)
	seen(at(1, 8, "new"))
	seen(at(1, 3, "older"))
	d.link(1, 2)
	want := []records.Address{at(1, 8, "new"), elsewhere, at(2, 6, "")}
	got, err := d.Addresses(t.Context(), d.person(1))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func reach(t *testing.T, d *desk) {
	want := func(person core.PersonID, want records.Reach) {
		t.Helper()
		if got, err := d.Reach(t.Context(), person); err != nil || got != want {
			t.Errorf("Reach = %+v, %v; want %+v", got, err, want)
		}
	}
	set := func(person core.PersonID, r records.Reach) {
		t.Helper()
		if err := d.SetReach(t.Context(), person, r); err != nil {
			t.Fatal(err)
		}
	}
	last := records.Reach{Mode: records.ReachLast}
	want("p", last)
	for _, bad := range []records.Reach{{}, {Mode: "never"}, {Mode: records.ReachOne}} {
		if err := d.SetReach(t.Context(), "p", bad); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	d.link(1, 2)
	d.link(3, 4)
	one, other := d.person(1), d.person(3)
	set(one, records.Reach{Mode: records.ReachAll})
	set(one, records.Reach{Mode: records.ReachOne, Base: who(2).Base()})
	set(other, records.Reach{Mode: records.ReachAll})
	d.link(1, 3)
	want(other, last)
	want(one, records.Reach{Mode: records.ReachOne, Base: who(2).Base()})
	d.unlink(1, records.Choice{Base: who(3).Base()})
	want(one, records.Reach{Mode: records.ReachOne, Base: who(2).Base()})
	d.unlink(1, records.Choice{Base: who(2).Base()})
	want(one, last)
}

func audit(t *testing.T, d *desk) {
	lines := func(person core.PersonID) (out []string) {
		t.Helper()
		err := d.Audit(t.Context(), person, func(a records.Audited) error {
			if a.At.IsZero() || a.Subject == "" || a.Actor == "" {
				t.Errorf("%+v", a)
			}
			out = append(out, string(a.Action))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	d.link(1, 2)
	d.redeem(2, "AAAAAAAA")
	d.unlink(2, records.Choice{Base: who(2).Base()})
	why := d.cause(who(2))
	why.Actor = records.Operator
	for range 2 {
		if err := d.Note(t.Context(), why, records.AuditExport, who(2).Base()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Forget(t.Context(), d.cause(who(2)), who(2).Base(), true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"link", "code_failed", "unlink", "export", "forget"}, lines(who(2).Base())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"code_issued", "link"}, lines(who(1).Base())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	stop := errors.New("enough")
	if err := d.Audit(t.Context(), who(1).Base(), func(records.Audited) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Audit = %v", err)
	}
}

func memories(t *testing.T, d *desk) {
	ctx := t.Context()
	kept := [][]byte{{}, []byte("a memory"), {0, 0xff, '\'', '?'}, bytes.Repeat([]byte("long "), 200_000)}
	refs := map[string]bool{}
	for _, memory := range kept {
		ref, err := d.PutMemory(ctx, memory, past)
		if err != nil {
			t.Fatal(err)
		}
		refs[ref] = true
		for range 2 {
			got, ok, err := d.Memory(ctx, ref)
			if err != nil || !ok || !bytes.Equal(got, memory) {
				t.Errorf("%d bytes, %v, %v; want %d", len(got), ok, err, len(memory))
			}
		}
	}
	if len(refs) != len(kept) {
		t.Errorf("%d references for %d memories", len(refs), len(kept))
	}
	for ref := range refs {
		for range 2 {
			if err := d.DropMemory(ctx, ref); err != nil {
				t.Error(err)
			}
		}
		if _, ok, err := d.Memory(ctx, ref); ok || err != nil {
			t.Errorf("it is still there: %v, %v", ok, err)
		}
	}
}

// calls are all methods of People and Memories, each with harmless arguments.
func calls(ctx context.Context, d *desk) map[string]error {
	why := d.cause(who(1))
	return map[string]error{
		"Ping":      d.Ping(ctx),
		"Links":     second(d.Links(ctx)),
		"Accounts":  second(d.Accounts(ctx, "p")),
		"Issue":     second(d.Issue(ctx, why, who(1))),
		"Redeem":    second(d.Redeem(ctx, why, "AAAAAAAA", who(1))),
		"Void":      d.Void(ctx, "AAAAAAAA"),
		"Join":      second(d.Join(ctx, why, who(1), who(2))),
		"Unlink":    second(d.Unlink(ctx, why, "p", records.Choice{})),
		"Forget":    second(d.Forget(ctx, why, "p", true)),
		"Seen":      d.Seen(ctx, []records.Address{{Base: "p", At: future}}),
		"Addresses": second(d.Addresses(ctx, "p")),
		"SetReach":  d.SetReach(ctx, "p", records.Reach{Mode: records.ReachAll}),
		"Reach":     second(d.Reach(ctx, "p")),
		"Note":      d.Note(ctx, why, records.AuditExport, "p"),
		"PutMemory": second(d.PutMemory(ctx, nil, past)),
		"Memory":    third(d.Memory(ctx, "x")),
		"Drop":      d.DropMemory(ctx, "x"),
		"PutUsage":  d.WriteUsage(ctx, []records.Used{used("p", 1)}),
		"Usage":     second(d.Usage(ctx, records.UsageFilter{})),
		"Spent":     second(d.Spent(ctx, purse("p", 0))),
		"Spend":     second(d.Spend(ctx, []records.Spending{{Purse: purse("p", 0), Tokens: 1}})),
		"UsageOf":   d.UsageOf(ctx, "p", func(records.Used) error { return nil }),
		"Audit":     d.Audit(ctx, "p", func(records.Audited) error { return nil }),
	}
}

func peopleEndOfContext(t *testing.T, d *desk) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range calls(ctx, d) {
		if fault.ClassOf(err) != fault.Retryable || !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v (%v), want a retryable fault of the context", name, err, fault.ClassOf(err))
		}
	}
	if links, err := d.Links(t.Context()); err != nil || len(links) > 0 {
		t.Errorf("Links = %v, %v", links, err)
	}
}

func peopleClosed(t *testing.T, d *desk) {
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range calls(t.Context(), d) {
		if !errors.Is(err, records.ErrClosed) || fault.ClassOf(err) != fault.Retryable {
			t.Errorf("%s = %v (%v), want a retryable ErrClosed", name, err, fault.ClassOf(err))
		}
	}
}
