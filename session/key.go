package session

import (
	"context"

	"github.com/parley-hub/parley/core"
)

// Scope says whose memory a session is.
type Scope string

// The scopes.
const (
	// OfPerson is one person's private memory, the same on every account.
	OfPerson Scope = "person"
	// OfPlace is the memory of a group or of one thread in it.
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

// KeyOf decides whose memory a conversation uses.
func KeyOf(in core.Conversation, person core.PersonID) Key {
	if in.Place == core.Private {
		return Key{Scope: OfPerson, Owner: string(person)}
	}
	return Key{Scope: OfPlace, Account: in.Account, Owner: string(in.Chat), Thread: in.Thread}
}

// Directory knows which person an account is.
type Directory interface {
	// PersonOf names the person behind a sender. It is asked for every message, so
	// an implementation answers from memory.
	PersonOf(ctx context.Context, sender core.Sender) (core.PersonID, error)
}

// Unlinked is the Directory in which every account is a person of its own.
type Unlinked struct{}

// PersonOf derives the person from the sender's realm and id.
func (Unlinked) PersonOf(_ context.Context, s core.Sender) (core.PersonID, error) {
	return s.Person(), nil
}
