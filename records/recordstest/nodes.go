package recordstest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/records"
)

// RunNodes puts records that several processes have open at once through the contract.
// open gives that many, of one new, empty store; the suite closes them.
func RunNodes(t *testing.T, open func(t *testing.T, nodes int) []Records) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, []*desk)
	}{
		{"OneTurnOnTwoNodes", oneTurnOnTwoNodes},
		{"TriesAreCountedTogether", triesAreCountedTogether},
		{"CodesAreCountedTogether", codesAreCountedTogether},
		{"OneCodeOneLinkOverNodes", oneCodeOneLinkOverNodes},
		{"LinksAndUnlinksAtOnce", linksAndUnlinksAtOnce},
		{"ChangesAreSeen", changesAreSeen},
		{"EraseMeetsWriters", eraseMeetsWriters},
		{"BatchesThatCross", batchesThatCross},
		{"SpendingTogether", spendingTogether},
		{"ForgetMeetsUsage", forgetMeetsUsage},
	} {
		t.Run(test.name, func(t *testing.T) {
			var desks []*desk
			for _, r := range open(t, 3) {
				t.Cleanup(func() {
					if err := r.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				desks = append(desks, &desk{t: t, Records: r, now: past})
			}
			test.run(t, desks)
		})
	}
}

// at is why something is done in a turn of its own, on whatever node.
func at(turn string, by records.Account, now time.Time) records.Cause {
	return records.Cause{Turn: core.EnvelopeID(turn), Actor: string(by.Base()), At: now}
}

// together runs f on all nodes many times at once.
func together(nodes []*desk, times int, f func(d *desk, n int)) {
	var group sync.WaitGroup
	for n := range times {
		group.Go(func() { f(nodes[n%len(nodes)], n) })
	}
	group.Wait()
}

// A turn whose lease moved on runs twice at once: it is done once, and both are told the same.
func oneTurnOnTwoNodes(t *testing.T, nodes []*desk) {
	code := nodes[0].issue(1)
	answers := make([]records.Redeemed, 9)
	together(nodes, len(answers), func(d *desk, n int) {
		out, err := d.Redeem(t.Context(), at("turn", who(2), past), code, who(2))
		if err != nil {
			t.Errorf("Redeem: %v", err)
		}
		answers[n] = out
	})
	deltas := 0
	for _, a := range answers {
		if a.Outcome != records.Done || a.Person != who(1).Base() {
			t.Errorf("answer %+v", a)
		}
		if len(a.Delta.Set) > 0 {
			deltas++
		}
	}
	if deltas != 1 {
		t.Errorf("it was done %d times", deltas)
	}
}

func triesAreCountedTogether(t *testing.T, nodes []*desk) {
	code := nodes[0].issue(1)
	outcomes := make([]records.Outcome, 4*records.MaxWrong)
	together(nodes, len(outcomes), func(d *desk, n int) {
		out, err := d.Redeem(t.Context(), at(fmt.Sprint("try", n), who(2), past.Add(time.Second)), "AAAAAAAA", who(2))
		if err != nil {
			t.Errorf("Redeem: %v", err)
		}
		outcomes[n] = out.Outcome
	})
	wrong := 0
	for _, o := range outcomes {
		if o == records.Wrong {
			wrong++
		}
	}
	if wrong != records.MaxWrong {
		t.Errorf("%d tries were let through, want %d: %v", wrong, records.MaxWrong, outcomes)
	}
	out, err := nodes[2].Redeem(t.Context(), at("right", who(2), past.Add(time.Second)), code, who(2))
	if err != nil || out.Outcome != records.TooMany {
		t.Errorf("the right code after them: %+v, %v", out, err)
	}
}

func codesAreCountedTogether(t *testing.T, nodes []*desk) {
	codes := make([]records.Issued, 4*records.MaxCodes)
	together(nodes, len(codes), func(d *desk, n int) {
		var err error
		if codes[n], err = d.Issue(t.Context(), at(fmt.Sprint("ask", n), who(1), past.Add(time.Second)), who(1)); err != nil {
			t.Errorf("Issue: %v", err)
		}
	})
	issued, works := 0, 0
	for i, c := range codes {
		if c.Outcome != records.Done {
			continue
		}
		issued++
		out, err := nodes[1].Redeem(t.Context(), at(fmt.Sprint("use", i), who(2+i), past.Add(2*time.Second)), c.Code, who(2+i))
		if err != nil {
			t.Fatal(err)
		}
		if out.Outcome == records.Done {
			works++
		}
	}
	if issued != records.MaxCodes || works != 1 {
		t.Errorf("%d codes were given out, want %d; %d of them work, want the last", issued, records.MaxCodes, works)
	}
}

func oneCodeOneLinkOverNodes(t *testing.T, nodes []*desk) {
	for round := range 5 {
		issuer := 100 * (round + 1)
		code, err := nodes[0].Issue(t.Context(), at(fmt.Sprint("issue", round), who(issuer), past), who(issuer))
		must(t, code, err)
		outcomes := make([]records.Outcome, 12)
		together(nodes, len(outcomes), func(d *desk, n int) {
			by := who(issuer + 1 + n)
			out, err := d.Redeem(t.Context(), at(fmt.Sprint("redeem", round, "/", n), by, past.Add(time.Second)), code.Code, by)
			if err != nil {
				t.Errorf("Redeem: %v", err)
			}
			outcomes[n] = out.Outcome
		})
		done := len(slices.DeleteFunc(slices.Clone(outcomes), func(o records.Outcome) bool { return o != records.Done }))
		if done != 1 {
			t.Errorf("one code linked %d times: %v", done, outcomes)
		}
	}
}

// Whatever happens at once, in the end every account is one person, the two ways to
// read links say the same, and nobody is a person of one.
func linksAndUnlinksAtOnce(t *testing.T, nodes []*desk) {
	const accounts = 6
	together(nodes, 60, func(d *desk, n int) {
		one, other := who(n%accounts), who((n*7+1)%accounts)
		why := at(fmt.Sprint("turn", n), one, past.Add(time.Duration(n)*time.Second))
		var err error
		switch {
		case n%10 == 9:
			var person core.PersonID
			if person, err = d.personNow(one.Base()); err == nil {
				_, err = d.Forget(t.Context(), why, person, true)
			}
		case n%3 == 2:
			_, err = d.Unlink(t.Context(), why, one.Base(), records.Choice{Base: other.Base()})
		default:
			_, err = d.Join(t.Context(), why, one, other)
		}
		if err != nil {
			t.Errorf("turn %d: %v", n, err)
		}
	})
	links, err := nodes[0].Links(t.Context())
	must(t, links, err)
	changed, all, _, err := nodes[1].LinksSince(t.Context(), records.Mark{})
	if err != nil || !all {
		t.Fatalf("LinksSince = %v, %v", all, err)
	}
	now := map[core.PersonID]core.PersonID{}
	for _, b := range changed {
		if b.Person != "" {
			now[b.Base] = b.Person
		}
	}
	members := map[core.PersonID]int{}
	for _, l := range links {
		members[l.Person]++
		if now[l.Base()] != l.Person {
			t.Errorf("%s is %s, and %q by version", l.Base(), l.Person, now[l.Base()])
		}
		delete(now, l.Base())
	}
	if len(now) > 0 {
		t.Errorf("links that are none: %v", now)
	}
	for _, l := range links {
		if l.Person == l.Base() && members[l.Person] == 1 {
			t.Errorf("%s is linked with nobody", l.Base())
		}
	}
}

func (d *desk) personNow(base core.PersonID) (core.PersonID, error) {
	links, err := d.Links(d.t.Context())
	for _, l := range links {
		if l.Base() == base {
			return l.Person, err
		}
	}
	return base, err
}

// Who follows the changes knows, as soon as one is made on another node, what it made.
func changesAreSeen(t *testing.T, nodes []*desk) {
	const rounds, followers = 40, 4
	var stop sync.WaitGroup
	asks := make([]chan chan map[core.PersonID]core.PersonID, followers)
	for f := range followers {
		asks[f] = make(chan chan map[core.PersonID]core.PersonID)
		stop.Go(func() {
			known, mark := map[core.PersonID]core.PersonID{}, records.Mark{}
			for ask := range asks[f] {
				changed, all, now, err := nodes[1+f%2].LinksSince(t.Context(), mark)
				if err != nil {
					t.Errorf("LinksSince: %v", err)
				}
				if all {
					clear(known)
				}
				for _, b := range changed {
					known[b.Base] = b.Person
				}
				mark = now
				ask <- known
			}
		})
	}
	for n := range rounds {
		one, other := who(n%5), who((n+1)%5)
		why := at(fmt.Sprint("turn", n), one, past.Add(time.Duration(n)*time.Second))
		var err error
		if n%2 == 0 {
			_, err = nodes[0].Join(t.Context(), why, one, other)
		} else {
			_, err = nodes[0].Unlink(t.Context(), why, one.Base(), records.Choice{Base: one.Base()})
		}
		if err != nil {
			t.Fatal(err)
		}
		links, err := nodes[0].Links(t.Context())
		must(t, links, err)
		for _, ask := range asks {
			answer := make(chan map[core.PersonID]core.PersonID)
			ask <- answer
			known := <-answer
			for i := range 5 {
				want := core.PersonID("")
				for _, l := range links {
					if l.Base() == who(i).Base() {
						want = l.Person
					}
				}
				if known[who(i).Base()] != want {
					t.Fatalf("after turn %d account %d is %q, want %q", n, i, known[who(i).Base()], want)
				}
			}
		}
	}
	for _, ask := range asks {
		close(ask)
	}
	stop.Wait()
	_, all, now, err := nodes[2].LinksSince(t.Context(), records.Mark{})
	if err != nil || !all {
		t.Fatal(all, err)
	}
	for name, known := range map[string]records.Mark{
		"another server": {Life: now.Life + 1, Version: now.Version},
		"an older state": {Life: now.Life, Version: now.Version + 1},
	} {
		changed, all, again, err := nodes[2].LinksSince(t.Context(), known)
		if err != nil || !all || again != now || len(changed) != 5 {
			t.Errorf("%s: %v %v %v, %v", name, changed, all, again, err)
		}
	}
}

// An erasure on one node and writers on others: nothing from before it is left.
func eraseMeetsWriters(t *testing.T, nodes []*desk) {
	for round := range 10 {
		person := core.PersonID(fmt.Sprint("p", round))
		var group sync.WaitGroup
		for w := range 4 {
			group.Go(func() {
				var batch []records.Entry
				for n := range 50 {
					batch = append(batch, said(person, w*100+n))
				}
				if err := nodes[1+w%2].Write(t.Context(), batch); err != nil {
					t.Errorf("Write: %v", err)
				}
				err := nodes[1+w%2].Seen(t.Context(), []records.Address{{Base: person, In: batch[0].Conversation, At: past}})
				if err != nil {
					t.Errorf("Seen: %v", err)
				}
			})
		}
		group.Go(func() {
			why := at(fmt.Sprint("forget", round), who(1), past)
			if _, err := nodes[0].Forget(t.Context(), why, person, true); err != nil {
				t.Errorf("Forget: %v", err)
			}
		})
		group.Wait()
		wantExport(t, nodes[0], person)
		if at, err := nodes[0].Addresses(t.Context(), person); err != nil || len(at) > 0 {
			t.Errorf("addresses %v, %v", at, err)
		}
	}
}

// Two nodes write the same entries in opposite orders.
func batchesThatCross(t *testing.T, nodes []*desk) {
	const many = 400
	for round := range 5 {
		var batch []records.Entry
		for n := range many {
			batch = append(batch, answered("p", round*many+n, 0))
		}
		together(nodes, 6, func(d *desk, n int) {
			mine := slices.Clone(batch)
			if n%2 == 1 {
				slices.Reverse(mine)
			}
			if err := d.Write(t.Context(), mine); err != nil {
				t.Errorf("Write: %v", err)
			}
		})
	}
	if got := len(export(t, nodes[0], "p")); got != 5*many {
		t.Errorf("%d entries", got)
	}
}
