package records

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/parley-hub/parley/core/fault"
)

// Identity gives what these records are known by, the same for all who share them and
// for as long as they are kept. It is no secret.
func (s *SQL) Identity(ctx context.Context) (string, error) {
	var own []byte
	err := s.change(ctx, "read identity", func(tx runner) (err error) {
		own, err = key(ctx, tx, ownKey)
		return err
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(own[:8]), nil
}

// Why Enter refuses.
var (
	errNotAlone  = errors.New("other nodes work with this database: more than one node needs redis.url beside postgres.url")
	errSomeAlone = errors.New("a hub that has no redis.url works with this database: more than one node needs both, redis.url and postgres.url")
)

// The lock of who works with the records, held until the connection ends: shared by the
// nodes of a hub, and not by one that must be alone.
const (
	lockNode  = `SELECT pg_try_advisory_lock_shared(hashtext('parley nodes'), hashtext(current_schema()))`
	lockAlone = `SELECT pg_try_advisory_lock(hashtext('parley nodes'), hashtext(current_schema()))`
)

// Enter says that this process works with the records, until Close: alone, or as one of
// several nodes. It refuses, with a fault that needs a human, whoever does not go together
// with those that are there. Records that no other process can reach take anybody. A
// process whose connection is lost is not noticed any more; this is for the start.
func (s *SQL) Enter(ctx context.Context, alone bool) error {
	const op = "open records"
	if !s.d.shared {
		return nil
	}
	lock, refused := lockNode, errSomeAlone
	if alone {
		lock, refused = lockAlone, errNotAlone
	}
	c, err := s.write.Conn(ctx)
	if err != nil {
		return s.fail(op, err)
	}
	var got bool
	if err := c.QueryRowContext(ctx, lock).Scan(&got); err != nil {
		return s.fail(op, errors.Join(err, c.Close()))
	}
	if !got {
		return errors.Join(fault.New(fault.NeedsHuman, op, refused), c.Close())
	}
	s.presence.Store(c)
	return nil
}
