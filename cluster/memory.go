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

// Memory keeps notes. Each call is one round trip at most. What was kept outlives the
// process, as far as the engine has a place for it. A fault of a call that could not be
// made is Retryable and never Unsure: to make it again is harmless.
type Memory interface {
	// Put keeps a value in place of all that was there, marks too, for ttl.
	Put(ctx context.Context, n core.Note, value []byte, ttl time.Duration) error
	// Get gives the value that was last put; ok is false for none, or for one that was
	// forgotten.
	Get(ctx context.Context, n core.Note) (value []byte, ok bool, err error)
	// Delete forgets a note with all its marks. There may be none.
	Delete(ctx context.Context, n core.Note) error
	// Advance makes a mark unless one of its name and at least its rank is there, and
	// gives all marks of the note, in no order. The note is kept for ttl from now on,
	// whatever was put. moved tells whether the mark is new; a call that had to be
	// repeated may say that it is not, so whoever must know compares values.
	Advance(ctx context.Context, n core.Note, m core.Mark, ttl time.Duration) (all []core.Mark, moved bool, err error)
}

var errNote = errors.New("a note needs an account, a kind and a key")

// CheckNote tells of a note that no engine takes, as a Bug.
func CheckNote(n core.Note, value []byte, ttl time.Duration) error {
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
