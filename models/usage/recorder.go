package usage

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
)

const (
	// batch is how many entries are written in one step: a transaction for many costs what
	// one for few does.
	batch = 256
	// gather is how long an entry waits for others to be written with it; as much is lost
	// with the process at most, while the store is there.
	gather = time.Second
	// writeWithin bounds one step, so that a store that hangs is seen as one that is away.
	writeWithin = 10 * time.Second
	// longestWait is between tries while the store is away; the first wait is gather, and
	// each is twice the one before.
	longestWait = 30 * time.Second
	// DefaultHeld is how many entries wait at most while the store is away: some ten
	// megabytes, or a quarter of an hour of twenty requests in a second.
	DefaultHeld = 20_000
	// DefaultGrace is how long the last entries may take to be written.
	DefaultGrace = 5 * time.Second
)

// Store keeps entries. An entry that is there already is passed over: entries come again
// when nobody knows whether they were written.
type Store interface {
	// WriteUsage keeps all entries or none. Its errors are faults; a Permanent one, or a
	// Bug, says that among them is an entry which cannot be kept at all.
	WriteUsage(ctx context.Context, entries []Entry) error
}

// RecorderOptions make a Recorder.
type RecorderOptions struct {
	Store Store
	// Held bounds how many entries wait; 0 for DefaultHeld. What is more is dropped.
	Held int
	// Grace is how long Run may take to write what is left when it is to end; 0 for
	// DefaultGrace.
	Grace time.Duration
	Log   zerolog.Logger
}

// Recorder writes entries behind the turns that they are of. All methods are safe for
// concurrent use.
type Recorder struct {
	o    RecorderOptions
	some chan struct{}

	mu      sync.Mutex
	waiting []Entry
	ended   bool
	stats   Stats
	// unsaid are those dropped that the log does not have yet, by why.
	unsaid map[string]dropped
}

// Stats tells what became of entries.
type Stats struct {
	// Waiting are those that are to be written.
	Waiting int
	// Written and Dropped are since the start. The ledger lacks what was dropped: there was
	// no room to wait, no time at the end, or the store would not have it.
	Written, Dropped int64
}

// dropped sums up entries that are lost.
type dropped struct{ entries, tokens, micros int64 }

// NewRecorder makes a Recorder on a store that stays the caller's to close. Nothing is
// written before Run.
func NewRecorder(o RecorderOptions) *Recorder {
	if o.Held <= 0 {
		o.Held = DefaultHeld
	}
	if o.Grace <= 0 {
		o.Grace = DefaultGrace
	}
	return &Recorder{o: o, some: make(chan struct{}, 1), unsaid: map[string]dropped{}}
}

// Why entries are dropped, for the log.
const (
	noRoom   = "there was no room for them while the store was away"
	noTime   = "they could not be written before the end"
	tooLate  = "they came when the ledger was closed"
	unstored = "the store would not have them"
)

// Record has an entry written soon. It never blocks: without room, the entry is dropped,
// which is counted and logged.
func (r *Recorder) Record(e Entry) {
	r.mu.Lock()
	ended, full := r.ended, len(r.waiting) >= r.o.Held
	first := false
	switch {
	case ended:
		r.drop(e, tooLate)
	case full:
		first = r.unsaid[noRoom].entries == 0
		r.drop(e, noRoom)
	default:
		r.waiting = append(r.waiting, e)
	}
	r.mu.Unlock()
	switch {
	case ended:
		r.tell()
	case first:
		r.o.Log.Error().Int("waiting", r.o.Held).Msg("the ledger of usage cannot be written, and no more entries can wait: dropping")
	case !full:
		r.wake()
	}
}

// wake has Run look.
func (r *Recorder) wake() {
	select {
	case r.some <- struct{}{}:
	default:
	}
}

// drop is called with the lock.
func (r *Recorder) drop(e Entry, why string) {
	r.stats.Dropped++
	d := r.unsaid[why]
	d.entries++
	d.tokens += e.Prompt + e.Completion
	d.micros += e.Micros
	r.unsaid[why] = d
}

// tell logs what was dropped since it was told last.
func (r *Recorder) tell() {
	r.mu.Lock()
	unsaid := r.unsaid
	r.unsaid = map[string]dropped{}
	r.mu.Unlock()
	for why, d := range unsaid {
		r.o.Log.Error().Int64("entries", d.entries).Int64("tokens", d.tokens).Int64("micros", d.micros).
			Msg("entries of the ledger of usage are lost: " + why)
	}
}

// Stats tells what became of entries so far.
func (r *Recorder) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Waiting = len(r.waiting)
	return s
}

// Run writes entries until ctx ends, and then what is left, within the grace; what cannot
// be written by then is dropped, and told. It returns nil.
func (r *Recorder) Run(ctx context.Context) error {
	wait := gather
	for {
		select {
		case <-ctx.Done():
		case <-r.some:
			sleep(ctx, wait)
		}
		if ctx.Err() != nil {
			r.end(ctx)
			return nil
		}
		if err := r.write(ctx); err != nil {
			r.wake() // what waits is still there
			if ctx.Err() == nil {
				wait = min(2*wait, longestWait)
				r.o.Log.Warn().Err(err).Stringer("class", fault.ClassOf(err)).Int("waiting", r.Stats().Waiting).Dur("again", wait).
					Msg("writing the ledger of usage")
			}
			continue
		}
		wait = gather
		r.tell()
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// end writes what is left and takes nothing more.
func (r *Recorder) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.Grace)
	defer cancel()
	err := r.write(ctx)
	r.mu.Lock()
	r.ended = true
	for _, e := range r.waiting {
		r.drop(e, noTime)
	}
	r.waiting = nil
	r.mu.Unlock()
	if err != nil {
		r.o.Log.Error().Err(err).Stringer("class", fault.ClassOf(err)).Msg("writing the ledger of usage at the end")
	}
	r.tell()
}

// write writes all that waits, a batch at a time.
func (r *Recorder) write(ctx context.Context) error {
	for {
		r.mu.Lock()
		// Nobody else takes entries away, so those in front stay there.
		next := r.waiting[:min(len(r.waiting), batch):min(len(r.waiting), batch)]
		r.mu.Unlock()
		if len(next) == 0 {
			return nil
		}
		if err := r.put(ctx, next); err != nil {
			return err
		}
	}
}

// put writes a batch. What the store will never have is looked for and dropped, so that it
// keeps back nothing else.
func (r *Recorder) put(ctx context.Context, entries []Entry) error {
	err := r.store(ctx, entries)
	if refused(err) && len(entries) > 1 {
		for i := range entries {
			if err := r.put(ctx, entries[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil && !refused(err) {
		return err
	}
	r.mu.Lock()
	if err != nil {
		r.drop(entries[0], unstored)
	} else {
		r.stats.Written += int64(len(entries))
	}
	r.waiting = r.waiting[len(entries):]
	r.mu.Unlock()
	if err != nil {
		r.o.Log.Error().Err(err).Str("trace", string(entries[0].Trace)).Msg("an entry of the ledger of usage cannot be kept")
		r.tell()
	}
	return nil
}

func refused(err error) bool {
	class := fault.ClassOf(err)
	return class == fault.Permanent || class == fault.Bug
}

func (r *Recorder) store(ctx context.Context, entries []Entry) error {
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	return r.o.Store.WriteUsage(ctx, entries)
}
