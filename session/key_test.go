package session_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
)

var (
	ada = core.Sender{Realm: "r", ID: "1"}
	ben = core.Sender{Realm: "r", ID: "2"}
	// eve is ada on another platform.
	eve = core.Sender{Realm: "s", ID: "1"}
)

func private(a core.Account, chat core.ChatID) core.Conversation {
	return core.Conversation{Account: a, Place: core.Private, Chat: chat}
}

func group(thread core.ThreadID) core.Conversation {
	return core.Conversation{Account: "x", Place: core.Group, Chat: "1", Thread: thread}
}

// The privacy rule: who shares a memory with whom.
func TestKeyPolicy(t *testing.T) {
	person := ada.Person()
	perAccount, perPlace := session.Policy{Private: session.OfAccount}, session.Policy{Private: session.OfPlace}
	mixed := session.Policy{Accounts: map[core.Account]session.Scope{"y": session.OfPlace}}
	type who struct {
		in   core.Conversation
		from core.Sender
	}
	for name, c := range map[string]struct {
		p    session.Policy
		a, b who
		same bool
	}{
		"one account, two bots":        {session.Policy{}, who{private("x", "1"), ada}, who{private("y", "1"), ada}, true},
		"linked accounts":              {session.Policy{}, who{private("x", "1"), ada}, who{private("z", "9"), eve}, true},
		"one group":                    {session.Policy{}, who{group(""), ada}, who{group(""), ben}, true},
		"two threads":                  {session.Policy{}, who{group("1"), ada}, who{group("2"), ada}, false},
		"a group and its thread":       {session.Policy{}, who{group(""), ada}, who{group("2"), ada}, false},
		"a group and private":          {session.Policy{}, who{group(""), ada}, who{private("x", "1"), ada}, false},
		"per account: two bots":        {perAccount, who{private("x", "1"), ada}, who{private("y", "1"), ada}, false},
		"per account: linked":          {perAccount, who{private("x", "1"), ada}, who{private("x", "9"), eve}, false},
		"per account: the same":        {perAccount, who{private("x", "1"), ada}, who{private("x", "1"), ada}, true},
		"per account: a group as ever": {perAccount, who{group(""), ada}, who{group(""), ben}, true},
		"per place: linked":            {perPlace, who{private("x", "1"), ada}, who{private("x", "9"), eve}, false},
		"per place: the same":          {perPlace, who{private("x", "1"), ada}, who{private("x", "1"), ada}, true},
		"per place: a group as ever":   {perPlace, who{group("1"), ada}, who{group("1"), ben}, true},
		"one channel of its own":       {mixed, who{private("x", "1"), ada}, who{private("y", "1"), ada}, false},
		"the other channels as usual":  {mixed, who{private("x", "1"), ada}, who{private("z", "9"), eve}, true},
	} {
		a, b := c.p.KeyOf(c.a.in, c.a.from, person), c.p.KeyOf(c.b.in, c.b.from, person)
		if (a == b) != c.same {
			t.Errorf("%s: %v and %v", name, a, b)
		}
	}
}

// Whatever the policy is: no private chat shares a memory with a group, nor with
// another person's private chat, nor a thread with anything.
func TestPrivateMemoriesNeverMeet(t *testing.T) {
	scopes := []session.Scope{"", session.OfPerson, session.OfAccount, session.OfPlace}
	rapid.Check(t, func(t *rapid.T) {
		p := session.Policy{Private: rapid.SampledFrom(scopes).Draw(t, "private"), Accounts: map[core.Account]session.Scope{}}
		for _, a := range []core.Account{"x", "y"} {
			p.Accounts[a] = rapid.SampledFrom(scopes).Draw(t, "scope of "+string(a))
		}
		draw := func(label string) (core.Conversation, core.Sender, core.PersonID) {
			n := rapid.IntRange(0, 2).Draw(t, label+" user")
			from := core.Sender{Realm: "r", ID: core.UserID(fmt.Sprint(n))}
			in := core.Conversation{
				Account: rapid.SampledFrom([]core.Account{"x", "y"}).Draw(t, label+" account"),
				Place:   rapid.SampledFrom([]core.Place{core.Private, core.Group}).Draw(t, label+" place"),
				Thread:  core.ThreadID(rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, label+" thread")),
				// A private chat is known as its person on many platforms, a group never as anybody.
				Chat: core.ChatID(fmt.Sprint(n)),
			}
			if in.Place == core.Group {
				in.Chat = core.ChatID(rapid.SampledFrom([]string{"-1", "-2"}).Draw(t, label+" group"))
			}
			return in, from, core.PersonID(rapid.SampledFrom([]string{"p", string(from.Person())}).Draw(t, label+" person"))
		}
		in1, from1, person1 := draw("one")
		in2, from2, person2 := draw("two")
		one, two := p.KeyOf(in1, from1, person1), p.KeyOf(in2, from2, person2)
		if one != two {
			return
		}
		switch {
		case in1.Place != in2.Place:
			t.Fatalf("private and group share %v", one)
		case in1.Place == core.Group && (in1 != in2):
			t.Fatalf("two places share %v", one)
		case in1.Place == core.Private && person1 != person2 && from1 != from2:
			t.Fatalf("two persons share %v", one)
		}
	})
}

// Every private key of today's policy and of earlier ones is found again when a
// person is to be forgotten, and no place in which others are.
func TestPrivateKeysAreComplete(t *testing.T) {
	in, person := private("x", "7"), core.PersonID("p")
	keys := map[session.Key]bool{}
	for _, k := range session.PrivateKeys(in, ada.Person(), person) {
		keys[k] = true
	}
	for _, scope := range []session.Scope{session.OfPerson, session.OfAccount, session.OfPlace} {
		if k := (session.Policy{Private: scope}).KeyOf(in, ada, person); !keys[k] {
			t.Errorf("%s: %v is missing", scope, k)
		}
	}
	if len(keys) != 4 || !keys[session.Policy{}.KeyOf(in, ada, ada.Person())] {
		t.Errorf("%v", keys)
	}
	for _, k := range session.PrivateKeys(group(""), ada.Person(), person) {
		if k == (session.Policy{}).KeyOf(group(""), ada, person) {
			t.Error("a group's memory is among a person's")
		}
	}
}
