package redisc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/redisconn"
)

var (
	notePutScript     = script("note_put")
	noteAdvanceScript = script("note_advance")
)

var _ cluster.Memory = (*Engine)(nil)

var errOddNote = errors.New("a note in Redis has another form than this release writes")

// Put implements cluster.Memory.
func (e *Engine) Put(ctx context.Context, n core.Note, value []byte, ttl time.Duration) error {
	if err := cluster.CheckNote(n, value, ttl); err != nil {
		return err
	}
	_, err := e.run(ctx, "remember", notePutScript, []string{noteKey(e.o.Prefix, n)}, value, lifeOf(ttl))
	return sure("remember", err)
}

// Get implements cluster.Memory.
func (e *Engine) Get(ctx context.Context, n core.Note) (value []byte, ok bool, err error) {
	if err := cluster.CheckNote(n, nil, time.Second); err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	value, err = e.rdb.HGet(ctx, noteKey(e.o.Prefix, n), "v").Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, false, nil
	case err != nil:
		return nil, false, sure("recall", redisconn.Classify("recall", err))
	}
	return value, true, nil
}

// Delete implements cluster.Memory.
func (e *Engine) Delete(ctx context.Context, n core.Note) error {
	if err := cluster.CheckNote(n, nil, time.Second); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	return sure("forget", redisconn.Classify("forget", e.rdb.Unlink(ctx, noteKey(e.o.Prefix, n)).Err()))
}

// Advance implements cluster.Memory.
func (e *Engine) Advance(ctx context.Context, n core.Note, m core.Mark, ttl time.Duration) (all []core.Mark, moved bool, err error) {
	if err := cluster.CheckNote(n, m.Value, ttl); err != nil {
		return nil, false, err
	}
	answer, err := e.run(ctx, "advance", noteAdvanceScript, []string{noteKey(e.o.Prefix, n)}, m.Name, m.Rank, m.Value, lifeOf(ttl))
	if err != nil {
		return nil, false, sure("advance", err)
	}
	list, _ := answer.([]any)
	if len(list) < 4 || len(list)%2 != 0 {
		return nil, false, fault.New(fault.NeedsHuman, "advance", fmt.Errorf("%w: %d parts", errOddNote, len(list)))
	}
	fresh, _ := list[0].(int64)
	now, _ := list[1].(int64)
	for i := 2; i < len(list); i += 2 {
		name, _ := list[i].(string)
		text, _ := list[i+1].(string)
		mark, err := markOf(name, text, now)
		if err != nil {
			return nil, false, fault.New(fault.NeedsHuman, "advance", err)
		}
		all = append(all, mark)
	}
	return all, fresh == 1, nil
}

// markOf reads a mark as the script writes it; now is in milliseconds.
func markOf(name, text string, now int64) (core.Mark, error) {
	rank, rest, _ := strings.Cut(text, ",")
	made, value, ok := strings.Cut(rest, ",")
	r, err1 := strconv.Atoi(rank)
	at, err2 := strconv.ParseInt(made, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return core.Mark{}, errOddNote
	}
	age := max(time.Duration(now-at)*time.Millisecond, 0) // behind a failover the clock may go back
	return core.Mark{Name: name, Rank: r, Value: []byte(value), Age: age}, nil
}

// sure takes the doubt from a fault: whether a note was kept may be unknown, but telling it
// again is harmless, and no message was sent.
func sure(what string, err error) error {
	if !fault.IsUnsure(err) {
		return err
	}
	return fault.New(fault.ClassOf(err), what, errors.New(err.Error()))
}

// lifeOf is a time to live in whole milliseconds, at least one.
func lifeOf(ttl time.Duration) int64 { return max(ttl.Milliseconds(), 1) }
