package sqliteq

import (
	"container/list"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/datadir"
	"github.com/parley-hub/parley/queue"
)

// Options of an engine. Only Dir is required.
type Options struct {
	// Dir is the data directory; it is made when absent. One engine at a time.
	Dir string
	// DedupeWindow is how long the id of an item is remembered; 0 means 48 h.
	DedupeWindow time.Duration
	// MaxItems bounds the waiting items of all mailboxes; 0 means 100 000.
	MaxItems int
	// MaxPerKey bounds the waiting items of one mailbox; 0 means 1 000.
	MaxPerKey int
	// MaxBytes is the disk budget of the database, without its write-ahead log;
	// 0 means none. Less than 256 KiB counts as 256 KiB.
	MaxBytes int64
	// MemoryCache is how many bytes of the memories of mailboxes that nobody holds
	// are kept in process; 0 means 16 MiB, below 0 none.
	MemoryCache int64
	// Log gets what an operator should know. The zero value is silent.
	Log zerolog.Logger
}

func (o Options) withDefaults() Options {
	if o.DedupeWindow <= 0 {
		o.DedupeWindow = 48 * time.Hour
	}
	if o.MaxItems <= 0 {
		o.MaxItems = 100_000
	}
	if o.MaxPerKey <= 0 {
		o.MaxPerKey = 1_000
	}
	if o.MemoryCache == 0 {
		o.MemoryCache = 16 << 20
	}
	o.MemoryCache = max(o.MemoryCache, 0)
	return o
}

// Engine is an embedded queue. Make it with Open.
type Engine struct {
	o    Options
	log  zerolog.Logger
	lock *os.File
	j    *journal
	n    *notes

	ops     chan operation
	closing chan struct{}
	ended   chan struct{} // the writer has ended
	rewind  chan struct{}
	tasks   sync.WaitGroup
	once    sync.Once
	failed  error // of Close

	// lastSeq is the writer's alone.
	lastSeq int64

	mu        sync.Mutex
	closed    bool
	boxes     map[queue.Box]*box
	mailboxes map[queue.Key]*mailbox
	alarms    alarms
	cache     *list.List // of *mailbox, used last first
	cached    int64
	waiting   int
	claimed   int
	lastToken queue.Token
}

var _ queue.Queue = (*Engine)(nil)

// Open opens the engine in a directory, makes it when it is empty, and puts what
// waits there in order again. Its faults need a human: the directory cannot be
// written, another process holds it (datadir.ErrLocked), the journal is damaged or
// was written by a newer release. ctx is for the opening only.
func Open(ctx context.Context, o Options) (*Engine, error) {
	o = o.withDefaults()
	if o.Dir == "" {
		return nil, misuse("open queue", "no data directory given")
	}
	lock, err := datadir.Lock(o.Dir)
	if err != nil {
		return nil, err
	}
	j, err := openJournal(ctx, o.Dir, o.MaxBytes)
	if err != nil {
		return nil, errors.Join(classify("open queue", err), lock.Close())
	}
	first := j.epoch << 40
	e := &Engine{
		o: o, log: o.Log, lock: lock, j: j,
		n:         &notes{path: filepath.Join(o.Dir, notesName)},
		ops:       make(chan operation, maxBatch),
		closing:   make(chan struct{}),
		ended:     make(chan struct{}),
		rewind:    make(chan struct{}, 1),
		lastSeq:   first,
		boxes:     map[queue.Box]*box{},
		mailboxes: map[queue.Key]*mailbox{},
		cache:     list.New(),
		lastToken: queue.Token(first),
	}
	if err := e.load(ctx); err != nil {
		return nil, errors.Join(classify("open queue", err), j.close(), lock.Close())
	}
	e.tasks.Go(e.runWriter)
	e.tasks.Go(e.runClock)
	e.log.Info().Int("items", e.waiting).Int("mailboxes", len(e.mailboxes)).Msg("queue opened")
	return e, nil
}

// load puts the waiting items into their mailboxes and counts the dead letters.
func (e *Engine) load(ctx context.Context) error {
	known, err := readNotes(e.o.Dir)
	if err != nil {
		return fault.New(fault.NeedsHuman, "read notes", err)
	}
	now := time.Now()
	err = each(ctx, e.j.conn, func(rows *sql.Rows) error {
		it := &item{}
		var key queue.Key
		var id, at, settle int64
		if err := rows.Scan(append(scanKey(&key), &id, &it.seq, &it.in.ID, &it.in.Body, &at, &settle)...); err != nil {
			return err
		}
		it.in.Settle = time.Duration(settle)
		// A clock that was set back must not make an item wait longer than it asked.
		if it.at = time.Unix(0, at); it.at.After(now) {
			it.at = now
		}
		r := known[it.seq]
		it.tries, it.retryAt, it.note = r.tries, r.retryAt, r.note
		e.mu.Lock()
		defer e.mu.Unlock()
		mb := e.pin(key)
		mb.id = id
		e.admit(mb, it)
		e.unpin(mb)
		return nil
	}, `SELECT box, scope, account, owner, thread, mailbox.id, seq, item.id, body, at, settle
		FROM item JOIN mailbox ON mailbox.id = item.mailbox ORDER BY seq`)
	if err != nil {
		return fmt.Errorf("load items: %w", err)
	}
	err = each(ctx, e.j.conn, func(rows *sql.Rows) error {
		var name queue.Box
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			return err
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.boxOf(name).dead = n
		return nil
	}, `SELECT box, count(*) FROM dead GROUP BY box`)
	if err != nil {
		return fmt.Errorf("count dead letters: %w", err)
	}
	if err := e.n.rewrite(e.remarks); err != nil {
		return noteFault(err)
	}
	return nil
}

// Close ends the engine. Operations that are written already succeed; all others
// return queue.ErrClosed, as does Consume once its handlers are back. Handlers
// under way are cancelled and their takings do not count.
func (e *Engine) Close() error {
	e.once.Do(func() {
		e.mu.Lock()
		e.closed = true
		for _, mb := range e.mailboxes {
			if mb.lease != nil && !mb.lease.finishing {
				mb.lease.cancel(closed("close"))
				mb.items[0].tries--
				mb.lease = nil
			}
		}
		for _, b := range e.boxes {
			b.wake.Broadcast()
		}
		e.mu.Unlock()
		close(e.closing)
		e.tasks.Wait()
		e.failed = errors.Join(e.n.close(e.remarks), e.j.close(), e.lock.Close())
	})
	if e.failed != nil {
		return fault.New(fault.Retryable, "close queue", e.failed)
	}
	return nil
}

// Stats tells what a box holds now.
func (e *Engine) Stats(ctx context.Context, name queue.Box) (queue.Stats, error) {
	if err := ctx.Err(); err != nil {
		return queue.Stats{}, fault.New(fault.Retryable, "stats", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return queue.Stats{}, closed("stats")
	}
	b := e.boxes[name]
	if b == nil {
		return queue.Stats{}, nil
	}
	s := queue.Stats{Items: b.waits.Len(), Ready: b.counts[ready], Leased: b.counts[leased], Delayed: b.counts[delayed], Dead: b.dead}
	if first := b.waits.Front(); first != nil {
		it, _ := first.Value.(*item)
		s.Oldest = it.at
	}
	return s, nil
}
