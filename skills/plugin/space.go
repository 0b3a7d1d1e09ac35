package plugin

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

// leastFile is what a file counts for at least, in bytes: an empty one takes room too.
const leastFile = 4 << 10

// measure looks at the folder of the process until it is stopped.
func (p *process) measure(o Options) {
	defer close(p.measured)
	ticks := time.NewTicker(o.Times.Measure)
	defer ticks.Stop()
	for {
		select {
		case <-p.stopped:
			return
		case <-ticks.C:
			if overfull(p.dir, o.Limits.Space) {
				p.breaks(Overfull)
				p.child.end() // at once: no turn is worth a full disk
				return
			}
		}
	}
}

// overfull tells whether more lies in a folder than may. What cannot be read counts for all
// of it: a program that hides its files has a reason. Files that it deleted while it has
// them open are not seen; their number and size have bounds of their own (jail.Options).
func overfull(dir string, most int64) bool {
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return present(err)
		}
		info, err := e.Info()
		if err != nil {
			return present(err)
		}
		if most -= max(info.Size(), leastFile); most < 0 {
			return fs.SkipAll
		}
		return nil
	})
	return most < 0 || err != nil
}

// present is err, or nil for that of a file that went while it was looked at.
func present(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
