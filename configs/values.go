package configs

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core"
)

// Bytes is a number of bytes, spelled with a unit: 512, 64KiB, 16MiB, 2GB.
type Bytes int64

// The binary units.
const (
	KiB Bytes = 1 << (10 * (iota + 1))
	MiB
	GiB
	TiB
)

var units = []struct {
	name string
	size Bytes
}{
	{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"kB", 1e3}, {"B", 1},
}

var errBytes = errors.New("must be a size, such as 512, 64KiB, 16MiB or 2GB")

// UnmarshalText reads a size: a whole number, with a unit or without.
func (b *Bytes) UnmarshalText(text []byte) error {
	number, size := string(text), Bytes(1)
	for _, u := range units {
		if head, ok := strings.CutSuffix(number, u.name); ok {
			number, size = strings.TrimSpace(head), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(size) {
		return errBytes
	}
	*b = Bytes(n) * size
	return nil
}

// String spells the size with the largest binary unit that leaves it whole.
func (b Bytes) String() string {
	for _, u := range units[:4] {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalText spells the size as String does.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

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
