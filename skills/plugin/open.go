package plugin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// Open starts one program, whatever folder it lies in and without watching it: for a look at
// it, and for tests. end ends it. Of the options, Dir and Publish are not used.
func Open(ctx context.Context, o Options, path string) (s *Skill, end func() error, err error) {
	o.Dir = filepath.Dir(path)
	f, err := New(o)
	if err != nil {
		return nil, nil, err
	}
	file := filepath.Base(path)
	run, sum, err := f.copy(file)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	if s, err = f.start(ctx, file, run, sum); err != nil {
		return nil, nil, errors.Join(err, os.Remove(run), f.Close())
	}
	s.begin(f) //nolint:contextcheck // it lives until end is called
	return s, f.Close, nil
}
