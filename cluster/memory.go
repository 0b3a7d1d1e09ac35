package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// MaxNote is the longest value of a note or of a mark, in bytes.
	MaxNote = 16 << 10
	// MaxNoteLife is how long a note may be kept.
	MaxNoteLife = 48 * time.Hour
)

// Note names something small that is remembered for a while: what a node was told by a
// platform and another one needs for the answer. Names are no secrets; values may be.
type Note struct {
	Account core.Account
	// Kind is what it is, in a word of letters, digits and dashes; Key is which one of them.
	Kind, Key string
}

// Mark is how far one thing of a note came: it only moves forward.
type Mark struct {
	// Name is which thing, unlike the note's others.
	Name string
	// Rank is how far it came. Of two marks of one name the higher one stays, of two of
	// the same rank the first.
	Rank  int
	Value []byte
	// Age is how long ago the mark was made, by the engine's clock; ignored coming in.
	Age time.Duration
}

// Memory keeps notes. Each call is one round trip at most. What was kept outlives the
// process, as far as the engine has a place for it. A fault of a call that could not be
// made is Retryable; whoever cannot go on without the note tries again.
type Memory interface {
	// Put keeps a value in place of all that was there, marks too, for ttl.
	Put(ctx context.Context, n Note, value []byte, ttl time.Duration) error
	// Get gives the value that was last put; ok is false for none, or for one that was
	// forgotten.
	Get(ctx context.Context, n Note) (value []byte, ok bool, err error)
	// Delete forgets a note with all its marks. There may be none.
	Delete(ctx context.Context, n Note) error
	// Advance makes a mark unless one of its name and at least its rank is there, and
	// gives all marks of the note, in no order. The note is kept for ttl from now on,
	// whatever was put. moved tells whether the mark is new; a call that had to be
	// repeated may say that it is not, so whoever must know compares values.
	Advance(ctx context.Context, n Note, m Mark, ttl time.Duration) (all []Mark, moved bool, err error)
}

var errNote = errors.New("a note needs an account, a kind and a key")

// Check tells of a note that no engine takes, as a Bug.
func (n Note) Check(value []byte, ttl time.Duration) error {
	var err error
	switch {
	case n.Account == "" || n.Key == "" || !plain(n.Kind):
		err = errNote
	case len(value) > MaxNote:
		err = fmt.Errorf("%d bytes in a note of kind %s; at most %d are kept", len(value), n.Kind, MaxNote)
	case ttl <= 0 || ttl > MaxNoteLife:
		err = fmt.Errorf("a note of kind %s for %v; at most %v", n.Kind, ttl, MaxNoteLife)
	default:
		return nil
	}
	return fault.New(fault.Bug, "remember", err)
}

func plain(word string) bool {
	for _, r := range word {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return word != ""
}
