package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/folder"
	"github.com/parley-hub/parley/skills/program"
)

// Folder keeps the programs of a folder running. Load and Look are used by one goroutine at
// a time.
type Folder struct {
	o Options
	// place is where the programs are run: nobody changes a file there.
	place *program.Place

	watch  folder.Watch
	skills map[string]*Skill // by file

	running sync.WaitGroup
	life    context.Context
	end     context.CancelFunc
}

// New makes a Folder. Close ends it.
func New(o Options) (*Folder, error) {
	o = o.withDefaults()
	place, err := program.NewPlace(o.Log)
	if err != nil {
		return nil, err
	}
	f := &Folder{o: o, place: place, skills: map[string]*Skill{}}
	f.watch = folder.Watch{
		Dir: o.Dir, Every: o.Times.Look, Log: o.Log, Stamp: stampOf, Take: f.load, Drop: f.drop,
		Refused: func(file string) { o.Observe(file, Refused) },
		Has:     func(file string) bool { return f.skills[file] != nil },
	}
	f.life, f.end = context.WithCancel(context.Background())
	return f, nil
}

// Close ends all programs: turns that run have the time of Times.Drain. It returns when all
// have ended.
func (f *Folder) Close() error {
	f.end()
	f.running.Wait()
	return f.place.Close()
}

// Skills are those that are there, in the order of their files.
func (f *Folder) Skills() []*Skill {
	out := make([]*Skill, 0, len(f.skills))
	for _, file := range slices.Sorted(maps.Keys(f.skills)) {
		out = append(out, f.skills[file])
	}
	return out
}

// Load takes what lies in the folder now, and tells why it did not take the others.
func (f *Folder) Load(ctx context.Context) []error { return f.watch.Load(ctx) }

// Run looks at the folder until ctx ends.
func (f *Folder) Run(ctx context.Context) error { return f.watch.Run(ctx) }

// Look takes what changed and is as the look before found it, and drops what neither found.
func (f *Folder) Look(ctx context.Context) { f.watch.Look(ctx) }

// stampOf tells one state of a file from another.
func stampOf(path string) (string, bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	return fmt.Sprint(info.Size(), info.ModTime()), true
}

// drop ends a skill whose file went.
func (f *Folder) drop(file string) {
	s := f.skills[file]
	delete(f.skills, file)
	if err := f.o.Publish(f.Skills()); err != nil {
		f.o.Log.Error().Err(err).Str("file", file).Msg("a skill went that others need; it says that it is not available")
	}
	s.retire(nil)
	f.o.Log.Info().Str("skill", s.manifest.Name).Str("file", file).Msg("a skill went")
}

// load starts the program in a file beside the version that runs, and has it take over.
func (f *Folder) load(ctx context.Context, file string) error {
	path, sum, err := f.copy(file)
	if err != nil {
		return err
	}
	old := f.skills[file]
	if old != nil && old.sum == sum && !old.isDown() {
		return os.Remove(path) // only its times changed
	}
	s, err := f.start(ctx, file, path, sum)
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	f.skills[file] = s
	if err := f.o.Publish(f.Skills()); err != nil {
		if delete(f.skills, file); old != nil {
			f.skills[file] = old
		}
		s.current.refuse()
		s.current.stop()
		return errors.Join(err, os.Remove(path))
	}
	s.begin(f) //nolint:contextcheck // it lives as long as the folder, not as the look that found it
	if old != nil {
		old.retire(s)
	}
	f.o.Log.Info().Str("skill", s.manifest.Name).Str("version", s.manifest.Version).Str("file", file).Str("sha256", sum).Msg("a skill was taken")
	return nil
}

// start runs a program and checks what it says it is.
func (f *Folder) start(ctx context.Context, file, path, sum string) (*Skill, error) {
	log := f.o.Log.With().Str("file", file).Logger()
	p, m, err := start(ctx, f.o, path, 0, log)
	if err != nil {
		return nil, err
	}
	if m.Permissions.Memory > 0 {
		// What it asks for is known only now.
		p.stop()
		if p, m, err = start(ctx, f.o, path, m.Permissions.Memory, log); err != nil {
			return nil, err
		}
	}
	f.o.Observe(m.Name, Started)
	s := &Skill{
		o: &f.o, file: file, sum: sum, path: path, manifest: m, current: p, changed: make(chan struct{}),
		log: f.o.Log.With().Str("skill", m.Name).Str("file", file).Logger(),
	}
	if _, err := skills.NewSet(s); err != nil {
		p.stop()
		return nil, fmt.Errorf("its manifest is wrong: %w", err)
	}
	return s, nil
}

// copy makes a copy of the program that nobody changes, if it may be started. What is checked is what is run.
func (f *Folder) copy(file string) (path, sum string, err error) {
	from, err := os.Open(filepath.Join(f.o.Dir, file)) //nolint:gosec // the operator's folder
	if err != nil {
		return "", "", err
	}
	defer func() { _ = from.Close() }()
	info, err := from.Stat()
	if err != nil {
		return "", "", err
	}
	if info.Mode().Perm()&0o002 != 0 {
		return "", "", fmt.Errorf("%w: everybody may change it (mode %s)", ErrNotAllowed, info.Mode().Perm())
	}
	to, err := os.CreateTemp(f.place.Dir, file+"-*")
	if err != nil {
		return "", "", err
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(to, hash), from)
	err = errors.Join(err, to.Chmod(0o555), to.Close())
	sum = hex.EncodeToString(hash.Sum(nil))
	if err == nil {
		err = f.o.Allow.Check(sum, filepath.Join(f.o.Dir, file+Signature))
	}
	if err != nil {
		_ = os.Remove(to.Name())
		return "", "", err
	}
	return to.Name(), sum, nil
}

// begin looks after the skill from now on.
func (s *Skill) begin(f *Folder) {
	ctx, cancel := context.WithCancel(f.life)
	s.cancel = cancel
	f.running.Go(func() {
		s.run(ctx)
		_ = os.Remove(s.path)
	})
}

func (s *Skill) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}
