package alone

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// mostNotes and mostNoteBytes bound the notes; beyond them those go that would be
	// forgotten first.
	mostNotes     = 200_000
	mostNoteBytes = 64 << 20
	// noteSize is what a note takes beside its words, about.
	noteSize = 200
	// leastSweep is how many notes there are at least before those are looked for that
	// are over.
	leastSweep = 1024
)

// memory implements cluster.Memory.
type memory struct {
	mu    sync.Mutex
	notes noted
	bytes int
	// sweepAt is how many notes make the next sweep: it costs nothing on average.
	sweepAt int
	journal *journal
}

func newMemory() memory { return memory{notes: noted{}} }

type noted map[core.Note]*note

// note is what is kept under one name.
type note struct {
	value []byte
	put   bool // a value may be empty
	marks []mark
	until time.Time
}

type mark struct {
	name  string
	rank  int
	value []byte
	at    time.Time
}

func (n *note) size(name core.Note) int {
	size := noteSize + len(name.Key) + len(n.value)
	for _, m := range n.marks {
		size += noteSize/4 + len(m.name) + len(m.value)
	}
	return size
}

var _ cluster.Memory = (*Engine)(nil)

// Remember keeps notes in a file from now on, and takes in those that it has, so that they
// outlive the process, though not a crash of the machine: nothing waits for the disk. It
// is called once, before the notes are used. Only this user can read the file.
func (m *memory) Remember(path string, log zerolog.Logger) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept, err := readJournal(path, time.Now())
	if err != nil {
		return fault.New(fault.NeedsHuman, "open notes", err)
	}
	for name, n := range kept {
		m.set(name, n)
	}
	m.journal = &journal{path: path, log: log}
	if err := m.journal.rewrite(m.notes); err != nil {
		return fault.New(fault.NeedsHuman, "open notes", err)
	}
	return nil
}

// forget ends the file of notes; what is told later cannot be kept.
func (m *memory) forget() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.journal.close(); err != nil {
		return fault.New(fault.Retryable, "close notes", err)
	}
	return nil
}

// Put implements cluster.Memory.
func (m *memory) Put(ctx context.Context, n core.Note, value []byte, ttl time.Duration) error {
	if err := check(ctx, n, value, ttl); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.sweep(now)
	m.set(n, &note{value: slices.Clone(value), put: true, until: now.Add(ttl)})
	return m.write(n)
}

// Get implements cluster.Memory.
func (m *memory) Get(ctx context.Context, n core.Note) (value []byte, ok bool, err error) {
	if err := check(ctx, n, nil, time.Second); err != nil {
		return nil, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.find(n, time.Now())
	if held == nil || !held.put {
		return nil, false, nil
	}
	return slices.Clone(held.value), true, nil
}

// Delete implements cluster.Memory.
func (m *memory) Delete(ctx context.Context, n core.Note) error {
	if err := check(ctx, n, nil, time.Second); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.notes[n] == nil {
		return nil
	}
	m.remove(n)
	return m.write(n)
}

// Advance implements cluster.Memory.
func (m *memory) Advance(ctx context.Context, n core.Note, to core.Mark, ttl time.Duration) (all []core.Mark, moved bool, err error) {
	if err := check(ctx, n, to.Value, ttl); err != nil {
		return nil, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.sweep(now)
	next := note{until: now.Add(ttl)}
	if held := m.find(n, now); held != nil {
		next.value, next.put, next.marks = held.value, held.put, slices.Clone(held.marks)
	}
	made := mark{name: to.Name, rank: to.Rank, value: slices.Clone(to.Value), at: now}
	switch i := slices.IndexFunc(next.marks, func(m mark) bool { return m.name == to.Name }); {
	case i < 0:
		next.marks, moved = append(next.marks, made), true
	case next.marks[i].rank < to.Rank:
		next.marks[i], moved = made, true
	}
	m.set(n, &next)
	if err := m.write(n); err != nil {
		return nil, false, err
	}
	for _, k := range next.marks {
		all = append(all, core.Mark{Name: k.name, Rank: k.rank, Value: slices.Clone(k.value), Age: max(now.Sub(k.at), 0)})
	}
	return all, moved, nil
}

// check refuses what no engine takes; one whose context ended would not be asked either.
func check(ctx context.Context, n core.Note, value []byte, ttl time.Duration) error {
	if err := cluster.CheckNote(n, value, ttl); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Retryable, "remember", err)
	}
	return nil
}

// find gives a note that is not over; mu is held, as it is in all that follows.
func (m *memory) find(n core.Note, now time.Time) *note {
	held := m.notes[n]
	if held == nil || !now.Before(held.until) {
		return nil
	}
	return held
}

func (m *memory) set(n core.Note, to *note) {
	m.remove(n)
	m.notes[n] = to
	m.bytes += to.size(n)
}

func (m *memory) remove(n core.Note) {
	if held := m.notes[n]; held != nil {
		m.bytes -= held.size(n)
		delete(m.notes, n)
	}
}

// write brings what is kept under a name into the journal.
func (m *memory) write(n core.Note) error {
	if err := m.journal.write(n, m.notes); err != nil {
		return fault.New(fault.Retryable, "remember", err)
	}
	return nil
}

// sweep forgets what is over when there is much, and what would be over first when there
// is too much.
func (m *memory) sweep(now time.Time) {
	full := len(m.notes) >= mostNotes || m.bytes >= mostNoteBytes
	if !full && len(m.notes) < max(m.sweepAt, leastSweep) {
		return
	}
	for name, n := range m.notes {
		if !now.Before(n.until) {
			m.remove(name)
		}
	}
	if len(m.notes) >= mostNotes || m.bytes >= mostNoteBytes {
		names := make([]core.Note, 0, len(m.notes))
		for name := range m.notes {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b core.Note) int {
			return cmp.Compare(m.notes[a].until.UnixNano(), m.notes[b].until.UnixNano())
		})
		for _, name := range names {
			if len(m.notes) < mostNotes*3/4 && m.bytes < mostNoteBytes*3/4 {
				break
			}
			m.remove(name)
		}
	}
	m.sweepAt = 2 * len(m.notes)
}
