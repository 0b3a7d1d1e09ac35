package app

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/models/fleet"
)

const (
	// seasonsFile is in the data folder: each node learns of what comes to it.
	seasonsFile = "seasons.json"
	// seasonsEvery is how often it is written; an hour is learned when it is over.
	seasonsEvery = 10 * time.Minute
)

// seasons keep what the pools learned of the week over a restart. pools gives those of now,
// by name. What was kept of a pool that is not there now is kept on.
type seasons struct {
	path  string
	pools func() map[string]*fleet.Signals
	log   zerolog.Logger

	kept map[string]fleet.Season
	// known are the pools that have got what was kept of them.
	known map[*fleet.Signals]bool
}

func newSeasons(dir string, pools func() map[string]*fleet.Signals, log zerolog.Logger) *seasons {
	return &seasons{path: filepath.Join(dir, seasonsFile), pools: pools, log: log, known: map[*fleet.Signals]bool{}}
}

// run gives the pools what was kept, and keeps what they learn until ctx ends.
func (s *seasons) run(ctx context.Context) error {
	s.read()
	tick := time.NewTicker(seasonsEvery)
	defer tick.Stop()
	for {
		s.restore()
		select {
		case <-tick.C:
			s.write()
		case <-ctx.Done():
			s.write()
			return nil
		}
	}
}

// read takes what was kept. What cannot be read is learned anew: it only advises.
func (s *seasons) read() {
	data, err := os.ReadFile(s.path)
	if err == nil {
		err = json.Unmarshal(data, &s.kept)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn().Err(err).Msg("what a week is like cannot be read, and is learned anew")
	}
	if s.kept == nil || err != nil {
		s.kept = map[string]fleet.Season{}
	}
}

// restore gives pools that are new what was kept of them.
func (s *seasons) restore() {
	known := map[*fleet.Signals]bool{}
	for name, pool := range s.pools() {
		known[pool] = true
		kept, ok := s.kept[name]
		if s.known[pool] || !ok {
			continue
		}
		if err := pool.Restore(kept); err != nil {
			s.log.Warn().Err(err).Str("pool", name).Msg("what a week is like cannot be, and is learned anew")
		}
	}
	s.known = known
}

// write keeps what the pools know now, in one step: a crash leaves the file as it was.
func (s *seasons) write() {
	for name, pool := range s.pools() {
		if s.known[pool] {
			s.kept[name] = pool.Season()
		}
	}
	data, err := json.Marshal(s.kept)
	if err == nil {
		err = os.WriteFile(s.path+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	if err != nil {
		s.log.Warn().Err(err).Msg("what a week is like cannot be kept")
	}
}
