package session

import (
	"github.com/parley-hub/parley/core"
)

// Scope says whose memory a session is.
type Scope string

// The scopes.
const (
	// OfPerson is one person's private memory, the same on every account.
	OfPerson Scope = "person"
	// OfAccount is what one account of a person and one account of the bot have said
	// to each other in private. A link of accounts leaves it alone.
	OfAccount Scope = "account"
	// OfPlace is the memory of one chat: of a group, of one thread in it, or of a
	// private chat where the policy says so.
	OfPlace Scope = "place"
)

// Key names a session.
type Key struct {
	Scope Scope
	// Account is empty for a person's session.
	Account core.Account
	// Owner is a PersonID or a ChatID, by Scope.
	Owner  string
	Thread core.ThreadID
}

// Policy is how private chats are remembered. The zero Policy is OfPerson
// everywhere.
type Policy struct {
	// Private is the scope of private chats; empty means OfPerson.
	Private Scope
	// Accounts are the bot's accounts that differ from it.
	Accounts map[core.Account]Scope
}

// KeyOf decides whose memory a conversation uses: that of the person whom the
// Directory knows the sender as, of the sender's account alone, or of the place.
// Groups are always their own, whatever the policy.
func (p Policy) KeyOf(in core.Conversation, from core.Sender, person core.PersonID) Key {
	if in.Place != core.Private {
		return Key{Scope: OfPlace, Account: in.Account, Owner: string(in.Chat), Thread: in.Thread}
	}
	return privateKey(p.scope(in.Account), in, from.Person(), person)
}

func (p Policy) scope(account core.Account) Scope {
	if s := p.Accounts[account]; s != "" {
		return s
	}
	if p.Private != "" {
		return p.Private
	}
	return OfPerson
}

func privateKey(s Scope, in core.Conversation, base, person core.PersonID) Key {
	switch s {
	case OfAccount:
		return Key{Scope: OfAccount, Account: in.Account, Owner: string(base)}
	case OfPlace:
		return Key{Scope: OfPlace, Account: in.Account, Owner: string(in.Chat)}
	default:
		return Key{Scope: OfPerson, Owner: string(person)}
	}
}

// PrivateKeys are all keys under which a private chat between the account known as
// base and the bot may have been remembered, whatever the policy was at the time:
// where to look when everything of a person is to be forgotten.
func PrivateKeys(in core.Conversation, base, person core.PersonID) []Key {
	keys := []Key{privateKey(OfPerson, in, base, person), privateKey(OfPerson, in, base, base)}
	if in.Place == core.Private && in.Account != "" {
		keys = append(keys, privateKey(OfAccount, in, base, person), privateKey(OfPlace, in, base, person))
	}
	return keys
}
