package records

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"time"
)

// Memories keep what idle conversations remember, for who keeps it in a dearer place
// while they are not. Nothing is known here of whose memory it is. All methods are safe
// for concurrent use, and their errors are faults.
type Memories interface {
	// PutMemory keeps a memory under a reference that was never given before.
	PutMemory(ctx context.Context, memory []byte, at time.Time) (ref string, err error)
	// Memory reads one; false when there is none of that reference.
	Memory(ctx context.Context, ref string) (memory []byte, ok bool, err error)
	// DropMemory removes one; nil also when it is gone.
	DropMemory(ctx context.Context, ref string) error
}

var _ Memories = (*SQL)(nil)

// PutMemory implements Memories.
func (s *SQL) PutMemory(ctx context.Context, memory []byte, at time.Time) (ref string, err error) {
	ref = rand.Text()
	_, err = s.writing().ExecContext(ctx, `INSERT INTO memories (ref, memory, at) VALUES (?, ?, ?)`, ref, memory, at.UnixMilli())
	return ref, s.fail("keep memory", err)
}

// Memory implements Memories.
func (s *SQL) Memory(ctx context.Context, ref string) (memory []byte, ok bool, err error) {
	err = s.writing().QueryRowContext(ctx, `SELECT memory FROM memories WHERE ref = ?`, ref).Scan(&memory)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return memory, err == nil, s.fail("read memory", err)
}

// DropMemory implements Memories.
func (s *SQL) DropMemory(ctx context.Context, ref string) error {
	_, err := s.writing().ExecContext(ctx, `DELETE FROM memories WHERE ref = ?`, ref)
	return s.fail("drop memory", err)
}
