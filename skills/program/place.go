package program

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
)

const (
	// places is how the folders begin in which programs are run; they lie in the system's
	// temporary folder.
	places = "parley-skills-"
	// lockName is a file in each that is locked while its hub lives.
	lockName = "lock"
)

// Place is a folder in which programs of one hub are run, with what they write. Who runs as
// somebody else can reach what lies there, and only this user can list or change it.
type Place struct {
	// Dir is its path.
	Dir  string
	lock *os.File // nil on systems without such locks
}

// NewPlace makes one in the system's temporary folder, and takes away those of hubs that were
// killed. Close ends it.
func NewPlace(log zerolog.Logger) (*Place, error) {
	const op = "a place for the skills' programs: %w"
	sweep(log)
	dir, err := os.MkdirTemp("", places)
	if err != nil {
		return nil, fmt.Errorf(op, err)
	}
	p := &Place{Dir: dir}
	// Under its own name only once it is locked: else another hub, which starts just now, would
	// take the folder for one that is left over.
	made := filepath.Join(dir, "."+lockName)
	if p.lock, err = lock(made, os.O_CREATE|os.O_EXCL); err == nil && p.lock != nil {
		err = os.Rename(made, filepath.Join(dir, lockName))
	}
	if err == nil {
		// A jail may run a program as somebody else, who must be able to reach it.
		err = os.Chmod(dir, 0o711) //nolint:gosec // what lies there is no secret, and nobody else may list or change it
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf(op, err), p.Close())
	}
	return p, nil
}

// Close takes the folder away with all that is in it.
func (p *Place) Close() error {
	err := os.RemoveAll(p.Dir)
	if p.lock != nil {
		err = errors.Join(err, p.lock.Close())
	}
	return err
}

// sweep takes away what this user's hubs left behind. A folder whose lock somebody holds, or
// that has none, is left alone.
func sweep(log zerolog.Logger) {
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		log.Warn().Err(err).Msg("what other hubs left behind cannot be looked for")
		return
	}
	for _, e := range entries {
		dir := filepath.Join(os.TempDir(), e.Name())
		if !strings.HasPrefix(e.Name(), places) || !e.IsDir() || !mine(dir) {
			continue
		}
		held, err := lock(filepath.Join(dir, lockName), 0)
		if err != nil || held == nil {
			continue
		}
		err = errors.Join(os.RemoveAll(dir), held.Close())
		if err != nil {
			log.Warn().Err(err).Str("folder", dir).Msg("what a killed hub left behind cannot be taken away")
			continue
		}
		log.Info().Str("folder", dir).Msg("what a killed hub left behind was taken away")
	}
}
