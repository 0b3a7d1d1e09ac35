package clustertest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core"
)

// Addresses proves an implementation of cluster.Addresses. open gives two nodes on one
// table in which nothing is known.
func Addresses(t *testing.T, open func(t *testing.T) [2]cluster.Addresses) {
	for name, test := range map[string]func(*testing.T, *tables){
		"what is filled in is known to all":       knownToAll,
		"what was heard later comes first":        laterFirst,
		"a fill from before a change is refused":  oldFillRefused,
		"what was heard of somebody else's drops": strangeDrops,
		"forgotten is forgotten":                  addressesForgotten,
		"people are apart":                        peopleApart,
		"nothing can be known too":                nothingKnown,
	} {
		t.Run(name, func(t *testing.T) { test(t, &tables{t: t, nodes: open(t)}) })
	}
}

// tables takes the nodes in turn.
type tables struct {
	t     *testing.T
	nodes [2]cluster.Addresses
	calls int
}

func (n *tables) node() cluster.Addresses {
	n.calls++
	return n.nodes[n.calls%2]
}

func (n *tables) get(person core.PersonID) (cluster.Reachable, bool, cluster.Ticket) {
	n.t.Helper()
	r, known, fill, err := n.node().AddressesOf(n.t.Context(), person)
	if err != nil {
		n.t.Fatalf("Get: %v", err)
	}
	return r, known, fill
}

func (n *tables) ok(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// fill is what a reader does that finds nothing.
func (n *tables) fill(person core.PersonID, r cluster.Reachable) {
	n.t.Helper()
	_, known, ticket := n.get(person)
	if known {
		n.t.Fatalf("%s is known", person)
	}
	n.ok(n.node().FillAddresses(n.t.Context(), person, ticket, r))
}

// heard is an account that a node takes for the first person's.
func (n *tables) heard(a cluster.Address) {
	n.t.Helper()
	n.ok(n.node().HeardAt(n.t.Context(), "p1", a))
}

func (n *tables) want(person core.PersonID, want cluster.Reachable) {
	n.t.Helper()
	got, known, _ := n.get(person)
	if diff := cmp.Diff(want, got); !known || diff != "" {
		n.t.Errorf("known %v, -want +got:\n%s", known, diff)
	}
}

func (n *tables) unknown(person core.PersonID) {
	n.t.Helper()
	if got, known, _ := n.get(person); known {
		n.t.Errorf("%s is known: %+v", person, got)
	}
}

var began = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

func address(base core.PersonID, account core.Account, minute int) cluster.Address {
	return cluster.Address{
		Base: base, At: began.Add(time.Duration(minute) * time.Minute),
		In: core.Conversation{Account: account, Place: core.Private, Chat: core.ChatID("chat \"" + string(base) + "\n")},
	}
}

var (
	here  = address("p1", "telephone", 2)
	there = address("p2", "letter", 1)
	both  = cluster.Reachable{Addresses: []cluster.Address{here, there}, Mode: "one", One: "p2"}
)

func knownToAll(t *testing.T, n *tables) {
	n.unknown("p1")
	n.fill("p1", both)
	for range 2 {
		n.want("p1", both)
	}
	other := both
	other.Mode = "all"
	n.ok(n.node().FillAddresses(t.Context(), "p1", "", other))
	n.want("p1", both)
}

func laterFirst(_ *testing.T, n *tables) {
	n.heard(here)
	n.unknown("p1")
	n.fill("p1", both)
	later := address("p2", "letter", 5)
	later.In.Chat, later.In.Thread = "another", "thread"
	n.heard(later)
	n.heard(address("p1", "telephone", 1)) // older than what is known
	n.want("p1", cluster.Reachable{Addresses: []cluster.Address{later, here}, Mode: "one", One: "p2"})
}

// oldFillRefused is two readers and a change between what one read and what it keeps.
func oldFillRefused(t *testing.T, n *tables) {
	for what, change := range map[string]func(){
		"forget":         func() { n.ok(n.node().ForgetAddresses(t.Context(), "p1")) },
		"strange":        func() { n.fill("p1", both); n.heard(address("p3", "telephone", 9)) },
		"forget, filled": func() { n.fill("p1", both); n.ok(n.node().ForgetAddresses(t.Context(), "p1")) },
	} {
		_, _, old := n.get("p1")
		change()
		n.ok(n.node().FillAddresses(t.Context(), "p1", old, both))
		if got, known, _ := n.get("p1"); known {
			t.Errorf("%s: what was read before it is known: %+v", what, got)
		}
	}
	n.fill("p1", both)
	n.want("p1", both)
}

// strangeDrops: an account that was heard as a person's, and is not known as theirs, was
// linked or unlinked meanwhile: nothing is added on the word of who heard it.
func strangeDrops(_ *testing.T, n *tables) {
	for _, strange := range []cluster.Address{address("p3", "telephone", 9), address("p1", "letter", 9)} {
		n.fill("p1", both)
		n.heard(strange)
		n.unknown("p1")
	}
}

func addressesForgotten(t *testing.T, n *tables) {
	n.fill("p1", both)
	n.fill("p2", both)
	n.ok(n.node().ForgetAddresses(t.Context(), "p1", "p2", "p3"))
	n.heard(here)
	n.unknown("p1")
	n.unknown("p2")
	n.fill("p1", both)
	n.want("p1", both)
}

func peopleApart(t *testing.T, n *tables) {
	mine := cluster.Reachable{Addresses: []cluster.Address{here}, Mode: "last"}
	yours := cluster.Reachable{Addresses: []cluster.Address{there}, Mode: "all"}
	n.fill("p1", mine)
	n.fill("p2", yours)
	n.want("p1", mine)
	n.want("p2", yours)
	n.ok(n.node().ForgetAddresses(t.Context(), "p1"))
	n.unknown("p1")
	n.want("p2", yours)
}

func nothingKnown(_ *testing.T, n *tables) {
	never := cluster.Reachable{Mode: "last"}
	n.fill("p1", never)
	n.want("p1", never)
}
