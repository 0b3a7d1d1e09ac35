package configs

import (
	"errors"
	"strings"

	"github.com/parley-hub/parley/core"
)

// Bytes is a number of bytes, spelled with a unit: 512, 64KiB, 16MiB, 2GB.
type Bytes = core.Bytes

// Person names somebody by a platform's user id, spelled realm:id. A realm may hold
// colons itself, a user id holds none.
type Person struct {
	Realm core.Realm
	User  core.UserID
}

var errPerson = errors.New("must be a realm and a user id, such as telegram:123456")

// UnmarshalText reads realm:id.
func (p *Person) UnmarshalText(text []byte) error {
	at := strings.LastIndexByte(string(text), ':')
	if at < 1 || at == len(text)-1 || strings.ContainsFunc(string(text), isSpace) {
		return errPerson
	}
	*p = Person{Realm: core.Realm(text[:at]), User: core.UserID(text[at+1:])}
	return nil
}

func isSpace(r rune) bool { return r <= ' ' }

// MarshalText spells the person as UnmarshalText reads it.
func (p Person) MarshalText() ([]byte, error) {
	return []byte(string(p.Realm) + ":" + string(p.User)), nil
}

// Matches tells whether the sender is this person.
func (p Person) Matches(s core.Sender) bool { return p.Realm == s.Realm && p.User == s.ID }
