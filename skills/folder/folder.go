// Package folder watches the folder that people put skills into while the hub runs,
// whatever kind of skill they are.
//
// An entry is taken when two looks find it the same, since before it is still being written,
// and dropped when two looks do not find it: between an old version and a new one there may
// be none. Looks need no events of the file system, which do not come from network file
// systems and some mounts of containers.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Signature is the ending of the file with a skill's signature, beside the skill.
const Signature = ".sig"

// DefaultEvery is the time between two looks for people who wait.
const DefaultEvery = 500 * time.Millisecond

// Watch watches a folder for one kind of skills. All but Log is required. Load and Look are
// used by one goroutine at a time.
type Watch struct {
	// Dir is the folder. It need not be there.
	Dir string
	// Every is the time between two looks.
	Every time.Duration
	// Stamp tells one state of an entry from another; ok is false for one that is no skill of
	// this kind, or went.
	Stamp func(path string) (state string, ok bool)
	// Take takes an entry that is new or has changed. An error refuses this state of it.
	Take func(ctx context.Context, name string) error
	// Refused is told of each refusal.
	Refused func(name string)
	// Has tells whether an entry was taken, in this state or an older one.
	Has func(name string) bool
	// Drop ends an entry that was taken, and went.
	Drop func(name string)
	Log  zerolog.Logger

	seen    map[string]string // what the look before found
	settled map[string]string // what was taken, or refused
}

// Load takes what lies in the folder now. It gives what was not taken, and why, which the log
// has too.
func (w *Watch) Load(ctx context.Context) []error {
	w.seen = w.list()
	return w.take(ctx, w.seen)
}

// Run looks at the folder until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	ticks := time.NewTicker(w.Every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
			w.Look(ctx)
		}
	}
}

// Look takes what changed and is as the look before found it, and drops what neither found.
func (w *Watch) Look(ctx context.Context) {
	found, before := w.list(), w.seen
	still := map[string]string{}
	for name, state := range found {
		if before[name] == state {
			still[name] = state
		}
	}
	w.seen = found
	w.take(ctx, still)
	for _, name := range slices.Sorted(maps.Keys(w.settled)) {
		_, there := found[name]
		_, was := before[name]
		if there || was {
			continue
		}
		delete(w.settled, name)
		if w.Has(name) {
			w.Drop(name)
		}
	}
}

// list finds the skills. Names that begin with a dot are of what is being written.
func (w *Watch) list() map[string]string {
	out := map[string]string{}
	entries, err := os.ReadDir(w.Dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			w.Log.Error().Err(err).Msg("the folder of the skills cannot be read")
			return maps.Clone(w.seen) // what was there stays
		}
		return out
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, Signature) {
			continue
		}
		path := filepath.Join(w.Dir, name)
		state, ok := w.Stamp(path)
		if !ok {
			continue
		}
		if sig, err := os.Stat(path + Signature); err == nil {
			state += "\nsigned " + sig.ModTime().String()
		}
		out[name] = state
	}
	return out
}

// take takes what is new, and gives what was refused.
func (w *Watch) take(ctx context.Context, entries map[string]string) (refused []error) {
	if w.settled == nil {
		w.settled = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if w.settled[name] == entries[name] {
			continue
		}
		w.settled[name] = entries[name]
		err := w.Take(ctx, name)
		if ctx.Err() != nil {
			delete(w.settled, name)
			return append(refused, ctx.Err())
		}
		if err == nil {
			continue
		}
		path := filepath.Join(w.Dir, name)
		refused = append(refused, fmt.Errorf("%s: %w", path, err))
		w.Refused(strings.ToValidUTF8(name, "?"))
		line := w.Log.Error().Err(err).Str("path", path)
		if w.Has(name) {
			line.Msg("the new version of a skill was not taken; the old one goes on")
		} else {
			line.Msg("a skill was not taken")
		}
	}
	return refused
}
