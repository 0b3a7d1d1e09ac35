package session

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
)

// Identity is one of a person's accounts on a platform, as skills speak of it.
type Identity struct {
	Who core.Sender
	// Home is its private chat with the bot; zero when unknown.
	Home core.Conversation
}

// Base is the person that the account would be without a link.
func (i Identity) Base() core.PersonID { return i.Who.Person() }

// maxName bounds a name in a label, in characters: people choose theirs themselves.
const maxName = 40

// Label names the account for its person, in one line: their name there, and the bot's
// account through which it is reached.
func (i Identity) Label() string {
	name := oneLine(i.Who.Name)
	if handle := strings.TrimPrefix(oneLine(i.Who.Handle), "@"); handle != "" && handle != name {
		name = strings.TrimSpace(name + " (@" + handle + ")")
	}
	if name == "" {
		name = oneLine(string(i.Who.ID))
	}
	where := string(i.Home.Account)
	if where == "" {
		where = string(i.Who.Realm)
	}
	return name + " – " + where
}

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= maxName {
		return text
	}
	return string([]rune(text)[:maxName-1]) + "…"
}

// Outcome says what became of a wish to be linked, or not to be.
type Outcome string

// The outcomes.
const (
	// Done: it is done now.
	Done Outcome = "done"
	// Wrong: there is no such code, or not any more.
	Wrong Outcome = "wrong"
	// TooMany: too many were tried or asked for; again at Until.
	TooMany Outcome = "too_many"
	// Same: an account with itself.
	Same Outcome = "same"
	// Already: both are one person already.
	Already Outcome = "already"
	// Alone: the account is linked with nobody.
	Alone Outcome = "alone"
	// Unknown: the person has no such account.
	Unknown Outcome = "unknown"
)

// Code is a link code: Done or TooMany.
type Code struct {
	Outcome Outcome
	Code    string
	// Until is when the code ends, or when the next may be asked for.
	Until time.Time
}

// Linking is what became of a code: Done, Wrong, TooMany, Same or Already.
type Linking struct {
	Outcome Outcome
	// With is the account that the code was shown to, Accounts are all of the person
	// now; for Done and Already.
	With     Identity
	Accounts []Identity
	// Left is how many tries are left after a wrong code, Until when the next may be
	// tried after too many.
	Left  int
	Until time.Time
}

// Choice names one of a person's accounts: by its base, or by its place in the list,
// counted from 1.
type Choice struct {
	Base  core.PersonID
	Place int
}

// Parting is what became of a link that was to go: Done, Alone or Unknown.
type Parting struct {
	Outcome Outcome
	// Left is the account that went, Rest are the others.
	Left Identity
	Rest []Identity
}

// Forgetting tells what was erased of a person.
type Forgetting struct {
	// Messages is how many messages and answers the transcripts held of them.
	Messages int64
	// Accounts is how many accounts that was for, Letters how many messages that could
	// not be handled and were kept.
	Accounts int
	Letters  int
}

// Mode says where somebody wants to be reached.
type Mode string

// The modes.
const (
	// ReachLast is where they were last heard.
	ReachLast Mode = "last"
	// ReachAll is each of their accounts.
	ReachAll Mode = "all"
	// ReachOne is one account.
	ReachOne Mode = "one"
)

// Reach is where a person wants to be reached.
type Reach struct {
	Mode Mode
	// Base is the account of ReachOne.
	Base core.PersonID
}

// Address is where an account can be reached: its private chat through one of the bot's
// accounts.
type Address struct {
	Base core.PersonID
	In   core.Conversation
	// At is when the account was last heard there.
	At time.Time
}

// Of chooses from a person's addresses, which come with the last one first. It is
// empty only where they are: an account that was never heard is no address, and then
// the last one serves.
func (r Reach) Of(addresses []Address) []Address {
	switch {
	case len(addresses) == 0:
		return nil
	case r.Mode == ReachAll:
		return firstOfEach(addresses)
	case r.Mode == ReachOne:
		for _, a := range addresses {
			if a.Base == r.Base {
				return []Address{a}
			}
		}
	}
	return addresses[:1]
}

// firstOfEach keeps the latest address of each account.
func firstOfEach(addresses []Address) []Address {
	var out []Address
	seen := map[core.PersonID]bool{}
	for _, a := range addresses {
		if !seen[a.Base] {
			seen[a.Base] = true
			out = append(out, a)
		}
	}
	return out
}
