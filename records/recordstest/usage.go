package recordstest

import (
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

// RunUsage puts what keeps the ledger of usage, and budgets, through the contract. open gives new, empty
// records; the suite closes them.
func RunUsage(t *testing.T, open func(t *testing.T) Records) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, *desk)
	}{
		{"UsageKeepsEveryField", usageKeepsEveryField},
		{"UsageIsAllOrNone", usageIsAllOrNone},
		{"UsageIsIdempotent", usageIsIdempotent},
		{"UsageSums", usageSums},
		{"UsageOfATime", usageOfATime},
		{"UsageOfNothing", usageOfNothing},
		{"UsageWithoutThePerson", usageWithoutThePerson},
		{"UsageFollowsLinks", usageFollowsLinks},
		{"UsageAtOnce", usageAtOnce},
		{"UsageIsDropped", usageIsDropped},
		{"Spending", spending},
		{"SpendingOfMany", spendingOfMany},
		{"SpendingEnds", spendingEnds},
		{"SpendingOutlivesForgetting", spendingOutlivesForgetting},
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

// used is a line of what a person was served, n hours into the past's day.
func used(person core.PersonID, n int) records.Used {
	return records.Used{
		Request: fmt.Sprint(person, "/", n), Attempt: 1, Outcome: records.UsageServed, At: past.Add(time.Duration(n) * time.Hour),
		Account: "bot", Person: person, Role: "user", Skill: "chat", Pool: "main", Model: "small", Worker: "w",
		Prompt: 100, Cached: 40, Completion: 20, Micros: 7, Price: "v1", Currency: "EUR",
	}
}

func (d *desk) use(lines ...records.Used) {
	d.t.Helper()
	if err := d.WriteUsage(d.t.Context(), lines); err != nil {
		d.t.Fatalf("WriteUsage: %v", err)
	}
}

func (d *desk) sums(f records.UsageFilter) []records.UsageSum {
	d.t.Helper()
	out, err := d.Usage(d.t.Context(), f)
	return must(d.t, out, err)
}

func (d *desk) wantLines(person core.PersonID, want ...records.Used) {
	d.t.Helper()
	var got []records.Used
	if err := d.UsageOf(d.t.Context(), person, func(u records.Used) error { got = append(got, u); return nil }); err != nil {
		d.t.Fatalf("UsageOf: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("usage of %s (-want +got):\n%s", person, diff)
	}
}

func usageKeepsEveryField(t *testing.T, d *desk) {
	full := records.Used{
		Request: "r'; DROP TABLE usage; --", Attempt: 3, Outcome: "hedge-waste", Trace: "t", At: past.Add(123456789),
		Account: "waste/hedge", Person: "p", Role: "rôle", Skill: "s", Pool: "pool", Version: "blue", Model: "m/1:7b", Worker: "h:8000/a",
		Prompt: records.MaxUsed, Cached: 2, Completion: 3, Estimated: true, Micros: records.MaxUsed, Price: "v", Currency: "EUR",
	}
	odd := used("p", 2)
	odd.Skill = "a\x00\xff"
	bare := records.Used{Request: "r", Outcome: records.UsageCache, Person: "p", At: past.Add(-time.Hour)}
	d.use(full, bare, odd)
	full.At = past.Add(123 * time.Millisecond)
	var skills []string
	err := d.UsageOf(t.Context(), "p", func(u records.Used) error { skills = append(skills, u.Skill); return nil })
	if err != nil || len(skills) != 3 || !strings.HasPrefix(skills[2], "a") {
		t.Errorf("%q, %v", skills, err)
	}
	odd.Skill = skills[2]
	d.wantLines("p", bare, full, odd)
	stop := errors.New("enough")
	if err := d.UsageOf(t.Context(), "p", func(records.Used) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("UsageOf = %v", err)
	}
}

func usageIsAllOrNone(t *testing.T, d *desk) {
	for name, spoil := range map[string]func(*records.Used){
		"no request": func(u *records.Used) { u.Request = "" },
		"no outcome": func(u *records.Used) { u.Outcome = "" },
		"below 0":    func(u *records.Used) { u.Cached = -1 },
		"too much":   func(u *records.Used) { u.Completion = records.MaxUsed + 1 },
	} {
		bad := used("p", 2)
		spoil(&bad)
		if err := d.WriteUsage(t.Context(), []records.Used{used("p", 1), bad}); fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%s: WriteUsage = %v (%v), want a permanent fault", name, err, fault.ClassOf(err))
		}
	}
	d.wantLines("p")
}

// The same line again is passed over, whatever else it says: the first one counts.
func usageIsIdempotent(t *testing.T, d *desk) {
	other := used("p", 1)
	other.Micros = 1000
	attempt, outcome := used("p", 1), used("p", 1)
	attempt.Attempt, outcome.Outcome = 2, "retry-waste"
	d.use(used("p", 1), used("p", 1))
	d.use(other, attempt, outcome)
	d.use(used("p", 1), attempt, outcome)
	d.wantLines("p", outcome, used("p", 1), attempt)
}

func usageSums(t *testing.T, d *desk) {
	cached, wasted, estimated, free, dollars := used("p", 2), used("", 3), used("q", 4), used("q", 5), used("q", 30)
	cached.Outcome = records.UsageCache
	wasted.Outcome, wasted.Account, wasted.Role = "cancelled", "waste/cancelled", ""
	estimated.Estimated, estimated.Model, estimated.Role = true, "big", "admin"
	free.Price, free.Currency, free.Micros, free.Skill = "", "", 0, "help"
	dollars.Currency, dollars.Account = "USD", "other"
	d.use(used("p", 1), cached, wasted, estimated, free, dollars)
	one := records.Amounts{Lines: 1, Prompt: 100, CachedPrompt: 40, Completion: 20, Micros: 7}
	times := func(n int64) records.Amounts {
		return records.Amounts{Lines: n, Prompt: 100 * n, CachedPrompt: 40 * n, Completion: 20 * n, Micros: 7 * n}
	}
	unpriced := records.UsageSum{Served: records.Amounts{Lines: 1, Prompt: 100, CachedPrompt: 40, Completion: 20}, Unpriced: 1}
	sum := func(s records.UsageSum, currency string, keys ...string) records.UsageSum {
		s.Currency, s.Keys = currency, append([]string{}, keys...)
		return s
	}
	served := records.UsageSum{Served: one}
	for name, test := range map[string]struct {
		by   []records.UsageKey
		want []records.UsageSum
	}{
		"all": {nil, []records.UsageSum{
			sum(unpriced, ""), sum(records.UsageSum{Served: times(2), Cached: one, Wasted: one, Estimated: 1}, "EUR"), sum(served, "USD"),
		}},
		"person": {[]records.UsageKey{records.ByPerson}, []records.UsageSum{
			sum(records.UsageSum{Wasted: one}, "EUR", ""), sum(records.UsageSum{Served: one, Cached: one}, "EUR", "p"),
			sum(unpriced, "", "q"), sum(records.UsageSum{Served: one, Estimated: 1}, "EUR", "q"), sum(served, "USD", "q"),
		}},
		"account": {[]records.UsageKey{records.ByAccount}, []records.UsageSum{
			sum(unpriced, "", "bot"), sum(records.UsageSum{Served: times(2), Cached: one, Estimated: 1}, "EUR", "bot"),
			sum(served, "USD", "other"), sum(records.UsageSum{Wasted: one}, "EUR", "waste/cancelled"),
		}},
		"model and role": {[]records.UsageKey{records.ByModel, records.ByRole}, []records.UsageSum{
			sum(records.UsageSum{Served: one, Estimated: 1}, "EUR", "big", "admin"), sum(records.UsageSum{Wasted: one}, "EUR", "small", ""),
			sum(unpriced, "", "small", "user"), sum(records.UsageSum{Served: one, Cached: one}, "EUR", "small", "user"), sum(served, "USD", "small", "user"),
		}},
		"day and skill": {[]records.UsageKey{records.ByDay, records.BySkill}, []records.UsageSum{
			sum(records.UsageSum{Served: times(2), Cached: one, Wasted: one, Estimated: 1}, "EUR", "2020-02-29", "chat"),
			sum(unpriced, "", "2020-02-29", "help"), sum(served, "USD", "2020-03-01", "chat"),
		}},
	} {
		if diff := cmp.Diff(test.want, d.sums(records.UsageFilter{By: test.by})); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", name, diff)
		}
	}
	_, err := d.Usage(t.Context(), records.UsageFilter{By: []records.UsageKey{"worker; DROP TABLE usage"}})
	if fault.ClassOf(err) != fault.Permanent {
		t.Errorf("by something else: %v", err)
	}
}

func usageOfATime(t *testing.T, d *desk) {
	for n := range 48 {
		d.use(used("p", n))
	}
	count := func(f records.UsageFilter, want int64) {
		t.Helper()
		n := int64(0)
		for _, s := range d.sums(f) {
			n += s.Served.Lines
		}
		if n != want {
			t.Errorf("%d lines, want %d", n, want)
		}
	}
	count(records.UsageFilter{}, 48)
	count(records.UsageFilter{Since: past.Add(10 * time.Hour)}, 38)
	count(records.UsageFilter{Until: past.Add(10 * time.Hour)}, 10)
	count(records.UsageFilter{Since: past.Add(5 * time.Hour).In(time.FixedZone("east", 3600)), Until: past.Add(10 * time.Hour)}, 5)
	days := d.sums(records.UsageFilter{By: []records.UsageKey{records.ByDay}})
	var lines []int64
	for _, s := range days {
		lines = append(lines, s.Served.Lines)
	}
	if diff := cmp.Diff([]int64{12, 24, 12}, lines); diff != "" { // it begins at noon
		t.Errorf("days (-want +got):\n%s", diff)
	}
}

func usageOfNothing(t *testing.T, d *desk) {
	d.use()
	for _, by := range records.UsageKeys() {
		if sums := d.sums(records.UsageFilter{By: []records.UsageKey{by}}); len(sums) > 0 {
			t.Errorf("by %s: %v", by, sums)
		}
	}
	if sums := d.sums(records.UsageFilter{}); len(sums) > 0 {
		t.Errorf("all: %v", sums)
	}
	d.wantLines("nobody")
}

// Who is forgotten is nobody in the ledger, which adds up to the same; so is what is
// written behind the forgetting, unless it happened later.
func usageWithoutThePerson(t *testing.T, d *desk) {
	p, q := who(1).Base(), who(2).Base()
	d.use(used(p, 1), used(p, 2), used(q, 3))
	before := d.sums(records.UsageFilter{})
	if _, err := d.Forget(t.Context(), d.cause(who(1)), p, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, d.sums(records.UsageFilter{})); diff != "" {
		t.Errorf("the sums are others (-before +now):\n%s", diff)
	}
	d.wantLines(p)
	d.wantLines(q, used(q, 3))
	later := used(p, 5)
	later.At = future
	d.use(used(p, 4), later)
	d.wantLines(p, later)
	lines := map[string]int64{}
	for _, s := range d.sums(records.UsageFilter{By: []records.UsageKey{records.ByPerson}}) {
		name := s.Keys[0]
		if strings.HasPrefix(name, "forgotten-") {
			name = "forgotten"
		}
		lines[name] += s.Served.Lines
	}
	if diff := cmp.Diff(map[string]int64{"forgotten": 3, string(q): 1, string(p): 1}, lines); diff != "" {
		t.Errorf("lines by person (-want +got):\n%s", diff)
	}
	d.use(used(p, 1), used(p, 4)) // again: they are there
	if n := d.sums(records.UsageFilter{})[0].Served.Lines; n != 5 {
		t.Errorf("%d lines, want 5", n)
	}
}

// Usage is of the person that an account was, and of nobody who left.
func usageFollowsLinks(t *testing.T, d *desk) {
	a, b := who(1).Base(), who(2).Base()
	d.use(used(a, 1), used(b, 2))
	d.link(1, 2)
	d.use(used(a, 3)) // whoever of them it was
	d.wantLines(a, used(a, 1), used(b, 2), used(a, 3))
	d.wantLines(b)
	d.link(1, 3)
	d.unlink(1, records.Choice{Base: a}) // the others go on under its name
	d.wantLines(d.person(1))
	d.wantLines(a, used(a, 1), used(b, 2), used(a, 3))
	if _, err := d.Forget(t.Context(), d.cause(who(1)), d.person(1), true); err != nil {
		t.Fatal(err)
	}
	d.wantLines(a, used(a, 1), used(b, 2), used(a, 3))
	if _, err := d.Forget(t.Context(), d.cause(who(2)), a, true); err != nil {
		t.Fatal(err)
	}
	d.wantLines(a)
	d.wantLines(b)
}

func usageAtOnce(t *testing.T, d *desk) {
	const writers, each = 6, 20
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range each {
				// Every second line is written by all.
				u := used("p", n)
				if n%2 == 0 {
					u = used("p", 1000+w*each+n)
				}
				if err := d.WriteUsage(t.Context(), []records.Used{u}); err != nil {
					t.Errorf("WriteUsage: %v", err)
				}
			}
		})
	}
	group.Wait()
	if n := d.sums(records.UsageFilter{})[0].Served.Lines; n != writers*each/2+each/2 {
		t.Errorf("%d lines, want %d", n, writers*each/2+each/2)
	}
}

func usageIsDropped(t *testing.T, d *desk) {
	var lines []records.Used
	for n := range 10 {
		lines = append(lines, used("ann", n))
	}
	again := used("ann", 0)
	again.Attempt, again.At = 2, past.Add(6*time.Hour)
	if err := d.WriteUsage(t.Context(), append(lines, again)); err != nil {
		t.Fatal(err)
	}
	before := past.Add(5 * time.Hour)
	for _, want := range []int{3, 2, 0} {
		if n, err := d.DropUsage(t.Context(), before, 3); err != nil || n != want {
			t.Fatalf("%d lines were dropped, %v; want %d", n, err, want)
		}
	}
	left := 0
	if err := d.UsageOf(t.Context(), "ann", func(u records.Used) error {
		left++
		if u.At.Before(before) {
			t.Errorf("a line of %s is left", u.At)
		}
		return nil
	}); err != nil || left != 6 {
		t.Errorf("%d lines are left, %v; want 6", left, err)
	}
}
