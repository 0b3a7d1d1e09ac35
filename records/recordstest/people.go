package recordstest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/records"
)

// Records is a store that keeps people, memories and usage too.
type Records interface {
	records.Store
	records.People
	records.Memories
	records.Usage
	records.Orders
	Ping(ctx context.Context) error
}

// RunPeople puts what keeps people, and memories, through the contract. open gives new, empty
// records; the suite closes them.
func RunPeople(t *testing.T, open func(t *testing.T) Records) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, *desk)
	}{
		{"CodeLinks", codeLinks},
		{"CodesAreForgiving", codesAreForgiving},
		{"CodesEnd", codesEnd},
		{"WrongCodes", wrongCodes},
		{"TooManyCodes", tooManyCodes},
		{"OneCodeOneLink", oneCodeOneLink},
		{"WithOneself", withOneself},
		{"RerunsChangeNothing", rerunsChangeNothing},
		{"UnlinkChoices", unlinkChoices},
		{"RandomLinks", randomLinks},
		{"ExportAndEraseCoverAllAccounts", exportAndEraseCoverAllAccounts},
		{"Forget", forget},
		{"Addresses", addresses},
		{"Reach", reach},
		{"Audit", audit},
		{"Memories", memories},
		{"PeopleEndOfContext", peopleEndOfContext},
		{"PeopleClosed", peopleClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := open(t)
			t.Cleanup(func() {
				if err := r.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			test.run(t, &desk{t: t, Records: r, now: past})
		})
	}
}

// desk is records with a clock and a counter of turns.
type desk struct {
	Records
	t    *testing.T
	now  time.Time
	turn int
}

func (d *desk) cause(by records.Account) records.Cause {
	d.turn++
	d.now = d.now.Add(time.Second)
	return records.Cause{Turn: core.EnvelopeID(fmt.Sprint("turn", d.turn)), Actor: string(by.Base()), At: d.now}
}

// who is the n-th account, on one of two platforms.
func who(n int) records.Account {
	realm := fmt.Sprint("r", n%2)
	return records.Account{
		Who:  core.Sender{Realm: core.Realm(realm), ID: core.UserID(fmt.Sprint(n)), Name: fmt.Sprint("name ", n), Handle: fmt.Sprint("@", n)},
		Home: core.Conversation{Account: core.Account(realm), Place: core.Private, Chat: core.ChatID(fmt.Sprint("chat", n))},
	}
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (d *desk) issue(n int) string {
	d.t.Helper()
	a := who(n)
	i, err := d.Issue(d.t.Context(), d.cause(a), a)
	if err != nil || i.Outcome != records.Done || len(i.Code) != 8 {
		d.t.Fatalf("Issue = %+v, %v", i, err)
	}
	return i.Code
}

func (d *desk) redeem(n int, code string) records.Redeemed {
	d.t.Helper()
	a := who(n)
	out, err := d.Redeem(d.t.Context(), d.cause(a), code, a)
	return must(d.t, out, err)
}

// link makes the person of account joining part of that of account to.
func (d *desk) link(to, joining int) records.Redeemed {
	d.t.Helper()
	out := d.redeem(joining, d.issue(to))
	if out.Outcome != records.Done {
		d.t.Fatalf("Redeem = %+v", out)
	}
	return out
}

func (d *desk) unlink(n int, c records.Choice) records.Parted {
	d.t.Helper()
	out, err := d.Unlink(d.t.Context(), d.cause(who(n)), who(n).Base(), c)
	return must(d.t, out, err)
}

// person is whom an account is, by the links.
func (d *desk) person(n int) core.PersonID {
	d.t.Helper()
	links, err := d.Links(d.t.Context())
	for _, l := range must(d.t, links, err) {
		if l.Base() == who(n).Base() {
			return l.Person
		}
	}
	return who(n).Base()
}

func (d *desk) names(person core.PersonID) (out []string) {
	d.t.Helper()
	links, err := d.Accounts(d.t.Context(), person)
	for _, l := range must(d.t, links, err) {
		out = append(out, string(l.Who.ID))
	}
	return out
}

func (d *desk) wantNames(person core.PersonID, want ...string) {
	d.t.Helper()
	if diff := cmp.Diff(want, d.names(person)); diff != "" {
		d.t.Errorf("accounts of %s (-want +got):\n%s", person, diff)
	}
}

func codeLinks(t *testing.T, d *desk) {
	if d.person(1) != who(1).Base() || d.names(who(1).Base()) != nil {
		t.Error("an account is linked before anybody linked it")
	}
	out := d.link(1, 2)
	if out.Person != who(1).Base() || out.Was != who(2).Base() || out.With != who(1) || len(out.Accounts) != 2 {
		t.Errorf("Redeem = %+v", out)
	}
	if d.person(1) != who(1).Base() || d.person(2) != who(1).Base() {
		t.Error("the accounts are two persons")
	}
	d.wantNames(who(1).Base(), "1", "2")
	// Who is linked already brings everybody along.
	d.link(3, 4)
	if out := d.link(2, 4); out.Was != who(3).Base() || len(out.Accounts) != 4 {
		t.Errorf("Redeem = %+v", out)
	}
	d.wantNames(who(1).Base(), "1", "2", "3", "4")
	d.wantNames(who(3).Base())
}

func codesAreForgiving(t *testing.T, d *desk) {
	spell := strings.NewReplacer("2", "z", "5", "s", "8", "b", "V", "u")
	for n, change := range []func(string) string{
		strings.ToLower,
		func(c string) string { return " " + c[:4] + " - " + c[4:] + "\n" },
		func(c string) string { return spell.Replace(c) },
	} {
		code := d.issue(10 * n)
		if out := d.redeem(10*n+1, change(code)); out.Outcome != records.Done {
			t.Errorf("%q for %q: %+v", change(code), code, out)
		}
	}
	for n, wrong := range []string{"", "ABC", strings.Repeat("x", 10_000), "\x00\xff", "'; DROP TABLE links; --", "ääääääää"} {
		if out := d.redeem(100+n, wrong); out.Outcome != records.Wrong {
			t.Errorf("%.20q: %+v", wrong, out)
		}
	}
}

func codesEnd(t *testing.T, d *desk) {
	old := d.issue(1)
	d.now = d.now.Add(records.CodeLife)
	if out := d.redeem(2, old); out.Outcome != records.Wrong {
		t.Errorf("after its time: %+v", out)
	}
	first, second := d.issue(1), d.issue(1)
	if out := d.redeem(2, first); out.Outcome != records.Wrong {
		t.Errorf("after a newer one: %+v", out)
	}
	if err := d.Void(t.Context(), strings.ToLower(second)); err != nil {
		t.Fatal(err)
	}
	if out := d.redeem(2, second); out.Outcome != records.Wrong {
		t.Errorf("after it was voided: %+v", out)
	}
	if err := d.Void(t.Context(), "no code"); err != nil {
		t.Errorf("Void of nothing: %v", err)
	}
	third := d.issue(1)
	if d.redeem(2, third); d.redeem(3, third).Outcome != records.Wrong {
		t.Error("a code served twice")
	}
	if d.person(3) != who(3).Base() {
		t.Error("a wrong code linked")
	}
}

func wrongCodes(t *testing.T, d *desk) {
	code := d.issue(1)
	for left := records.MaxWrong - 1; left >= 0; left-- {
		if out := d.redeem(2, "AAAAAAAA"); out.Outcome != records.Wrong || out.Left != left {
			t.Errorf("%+v, want %d left", out, left)
		}
	}
	out := d.redeem(2, code)
	if out.Outcome != records.TooMany || !out.Until.After(d.now) || out.Until.After(d.now.Add(records.CodeLife)) {
		t.Errorf("the right code after too many wrong ones: %+v", out)
	}
	if d.person(2) != who(2).Base() {
		t.Error("it linked all the same")
	}
	if out := d.redeem(3, code); out.Outcome != records.Done {
		t.Errorf("another account: %+v", out)
	}
	// Forgetting is no way to get more tries.
	if _, err := d.Forget(t.Context(), d.cause(who(2)), who(2).Base(), true); err != nil {
		t.Fatal(err)
	}
	if out := d.redeem(2, "AAAAAAAA"); out.Outcome != records.TooMany {
		t.Errorf("after forgetting: %+v", out)
	}
	d.now = out.Until
	if out := d.redeem(2, d.issue(1)); out.Outcome != records.Done {
		t.Errorf("after the wait: %+v", out)
	}
}

func tooManyCodes(t *testing.T, d *desk) {
	var codes []string
	for range records.MaxCodes {
		codes = append(codes, d.issue(1))
	}
	slices.Sort(codes)
	if len(slices.Compact(codes)) != records.MaxCodes {
		t.Errorf("codes repeat: %q", codes)
	}
	out, err := d.Issue(t.Context(), d.cause(who(1)), who(1))
	if err != nil || out.Outcome != records.TooMany || out.Code != "" || !out.Until.After(d.now) {
		t.Errorf("Issue = %+v, %v", out, err)
	}
	d.issue(2)
	d.now = out.Until
	d.issue(1)
}

func oneCodeOneLink(t *testing.T, d *desk) {
	code := d.issue(0)
	const many = 8
	outcomes := make(chan records.Outcome, many)
	var group sync.WaitGroup
	for n := range many {
		why := d.cause(who(n + 1))
		group.Go(func() {
			out, err := d.Redeem(t.Context(), why, code, who(n+1))
			if err != nil {
				t.Errorf("Redeem: %v", err)
			}
			outcomes <- out.Outcome
		})
	}
	group.Wait()
	close(outcomes)
	n := map[records.Outcome]int{}
	for o := range outcomes {
		n[o]++
	}
	if n[records.Done] != 1 || n[records.Wrong] != many-1 {
		t.Errorf("outcomes: %v", n)
	}
}

func withOneself(t *testing.T, d *desk) {
	code := d.issue(1)
	if out := d.redeem(1, code); out.Outcome != records.Same {
		t.Errorf("%+v", out)
	}
	if out := d.redeem(2, code); out.Outcome != records.Done {
		t.Errorf("the code was spent on oneself: %+v", out)
	}
	if out := d.redeem(2, d.issue(1)); out.Outcome != records.Already || len(out.Accounts) != 2 || len(out.Delta.Set) > 0 {
		t.Errorf("%+v", out)
	}
	for _, c := range []struct {
		to, joining int
		want        records.Outcome
	}{{3, 3, records.Same}, {1, 2, records.Already}, {3, 1, records.Done}} {
		out, err := d.Join(t.Context(), d.cause(who(0)), who(c.to), records.Account{Who: core.Sender{Realm: who(c.joining).Who.Realm, ID: who(c.joining).Who.ID}})
		if err != nil || out.Outcome != c.want {
			t.Errorf("Join = %+v, %v; want %s", out, err, c.want)
		}
	}
	accounts, err := d.Accounts(t.Context(), who(3).Base())
	for _, l := range must(t, accounts, err) {
		n, err := strconv.Atoi(string(l.Who.ID))
		if err != nil || l.Account != who(n) {
			t.Errorf("what was known of an account was lost: %+v", l)
		}
	}
}
