package adapters

import (
	"context"
	"time"

	"github.com/parley-hub/parley/core"
)

// Memory keeps small things that another node, or the next life of this one, needs for an
// answer: a platform's call comes to one node and the answer leaves from another. What any
// node can make anew belongs into a map of the adapter's own.
//
// A value has at most 16 KiB, and no note is kept for more than 48 hours; what keeps to
// neither is a Bug. Each call is one round trip at most. One that could not be made is a
// Retryable fault and never Unsure.
type Memory interface {
	// Put keeps a value in place of all that was there, marks too, for ttl.
	Put(ctx context.Context, n core.Note, value []byte, ttl time.Duration) error
	// Get gives the value that was last put; ok is false for none.
	Get(ctx context.Context, n core.Note) (value []byte, ok bool, err error)
	// Delete forgets a note with all its marks. There may be none.
	Delete(ctx context.Context, n core.Note) error
	// Advance makes a mark unless one of its name and at least its rank is there, and
	// gives all marks of the note. The note is kept for ttl from now on. moved tells
	// whether the mark is new; where a call had to be repeated it may say that it is not.
	Advance(ctx context.Context, n core.Note, m core.Mark, ttl time.Duration) (all []core.Mark, moved bool, err error)
}

// MemoryOf gives the memory that an adapter works with: that of the settings, or one that
// forgets at once.
func MemoryOf(s Settings) Memory {
	if s.Memory == nil {
		return forgetful{}
	}
	return s.Memory
}

// forgetful is the memory of an adapter that was given none.
type forgetful struct{}

func (forgetful) Put(context.Context, core.Note, []byte, time.Duration) error { return nil }

func (forgetful) Get(context.Context, core.Note) ([]byte, bool, error) { return nil, false, nil }

func (forgetful) Delete(context.Context, core.Note) error { return nil }

func (forgetful) Advance(_ context.Context, _ core.Note, m core.Mark, _ time.Duration) ([]core.Mark, bool, error) {
	m.Age = 0
	return []core.Mark{m}, true, nil
}
