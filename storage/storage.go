// Package storage is the port for what skills keep: values under names, of a skill alone or
// of a skill and a person, each space bounded by a quota.
//
// A skill sees its own spaces only, through the hub. What is kept of a person goes with
// them: it is moved when two people turn out to be one, shown to who asks what is kept, and
// erased with everything else.
package storage

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// The bounds of an entry, in bytes.
const (
	MaxName  = 256
	MaxValue = 1 << 20
)

// The reasons inside the faults of a Store.
var (
	// ErrFull means that the space has no room for the value.
	ErrFull = errors.New("the quota is used up")
	// ErrName means that a name is empty, too long or no UTF-8.
	ErrName = errors.New("a name has 1 to 256 bytes of UTF-8")
	// ErrValue means that a value is too long.
	ErrValue = errors.New("a value has at most 1 MiB")
	// ErrSpace means that a space names no skill.
	ErrSpace = errors.New("a space needs a skill")
)

// Space is where names are unique: a skill's own, or a skill's for a person.
type Space struct {
	Skill string
	// Person is empty for the skill's own.
	Person core.PersonID
}

// Write is one change.
type Write struct {
	Space Space
	Name  string
	// Value nil takes the entry away.
	Value []byte
	// Quota is how many bytes the names and values of the space may have together. A write
	// that makes them fewer is never refused.
	Quota int64
	// If asks for the change only where the value is Was, nil for none.
	If  bool
	Was []byte
}

// Entry is a value of a person.
type Entry struct {
	Skill string `json:"skill"`
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

// Store keeps entries; on nil a change is durable, as far as the engine is. It is safe for
// concurrent use. A wrong name or value and a full space are Permanent faults; of a
// Retryable one it may be unknown whether the change was made.
type Store interface {
	// Get gives a value; ok is false for none.
	Get(ctx context.Context, s Space, name string) (value []byte, ok bool, err error)
	// Put makes a change; done is false where its condition did not hold.
	Put(ctx context.Context, w Write) (done bool, err error)
	// Names lists those of a space that begin with prefix, in order of their bytes.
	Names(ctx context.Context, s Space, prefix string) ([]string, error)
	// Move makes what skills keep of one person another's. Where both have a name, the
	// other's stays. The quota does not bound it.
	Move(ctx context.Context, from, to core.PersonID) error
	// Forget erases what skills keep of a person, and tells how many entries that were.
	Forget(ctx context.Context, person core.PersonID) (int, error)
	// Export gives what skills keep of a person, in order of skills and names.
	Export(ctx context.Context, person core.PersonID, each func(Entry) error) error
}

// Check tells of a name and a value that no engine takes.
func Check(s Space, name string, value []byte) error {
	switch {
	case s.Skill == "":
		return fault.New(fault.Bug, "storage", ErrSpace)
	case name == "" || len(name) > MaxName || !utf8.ValidString(name):
		return fault.New(fault.Permanent, "storage", ErrName)
	case len(value) > MaxValue:
		return fault.New(fault.Permanent, "storage", ErrValue)
	}
	return nil
}

// Full is the fault of a value that does not fit.
func Full(s Space) error { return fault.New(fault.Permanent, "storage of "+s.Skill, ErrFull) }
