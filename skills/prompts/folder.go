package prompts

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

	"github.com/parley-hub/parley/skills"
)

// What happened to a skill's folder, for metrics.
const (
	// Taken: a version of a skill was read and is used.
	Taken = "taken"
	// Refused: a folder was not taken.
	Refused = "refused"
)

// DefaultLook is the time between two looks, as programs of skills are looked at.
const DefaultLook = 500 * time.Millisecond

// Options make a Folder. Dir, Talk and Publish are required.
type Options struct {
	// Dir is the folder of the skills' folders. It need not be there.
	Dir string
	// Allow tells whether a skill of this checksum may be used, whose signature would lie at
	// sig; nil for every one.
	Allow func(sum, sig string) error
	// Talk gives what answers turns by the instructions of a skill.
	Talk func(s *Skill) skills.Handler
	// Permissions are what Talk needs for it; a SKILL.md asks for none of its own.
	Permissions skills.Permissions
	// Look is the time between two looks; 0 for DefaultLook. A folder that changed is taken
	// when the second look finds it as the first one did: before, it is still being written.
	Look time.Duration
	Log  zerolog.Logger
	// Observe is told what happened, by the name of the folder; nil for nobody.
	Observe func(skill, what string)
	// Publish is given all skills whenever they change. An error means that they cannot be
	// had together: then the change is not made.
	Publish func([]*Skill) error
}

// Folder keeps the skills of a folder. Load and Look are used by one goroutine at a time.
type Folder struct {
	o       Options
	seen    map[string]stamp // by folder, as the look before found it
	settled map[string]stamp // those that were taken, or refused
	skills  map[string]*Skill
	// told is true once it was said that scripts are not run.
	told bool
}

// stamp tells one state of a skill's folder from another.
type stamp struct {
	files string
	sig   time.Time
}

// signature is the ending of the file with a skill's signature, beside its folder.
const signature = ".sig"

// New makes a Folder.
func New(o Options) *Folder {
	if o.Look == 0 {
		o.Look = DefaultLook
	}
	if o.Allow == nil {
		o.Allow = func(string, string) error { return nil }
	}
	if o.Observe == nil {
		o.Observe = func(string, string) {}
	}
	return &Folder{o: o, seen: map[string]stamp{}, settled: map[string]stamp{}, skills: map[string]*Skill{}}
}

// Skills are those that are there, in the order of their folders.
func (f *Folder) Skills() []*Skill {
	out := make([]*Skill, 0, len(f.skills))
	for _, name := range slices.Sorted(maps.Keys(f.skills)) {
		out = append(out, f.skills[name])
	}
	return out
}

// Load takes what lies in the folder now. It gives what was not taken, and why, which the
// log has too.
func (f *Folder) Load() []error {
	found := f.list()
	maps.Copy(f.seen, found)
	return f.take(found)
}

// Run looks at the folder until ctx ends.
func (f *Folder) Run(ctx context.Context) error {
	ticks := time.NewTicker(f.o.Look)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
			f.Look()
		}
	}
}

// Look takes what changed and is as the look before found it, and drops what neither found:
// between the old folder and the new one there may be none.
func (f *Folder) Look() {
	found, before := f.list(), f.seen
	still := map[string]stamp{}
	for name, s := range found {
		if f.seen[name] == s {
			still[name] = s
		}
	}
	f.seen = found
	f.take(still)
	for name := range f.skills {
		_, there := found[name]
		_, was := before[name]
		if !there && !was {
			f.drop(name)
		}
	}
	maps.DeleteFunc(f.settled, func(name string, _ stamp) bool { _, there := found[name]; return !there })
}

// list finds the folders of skills. Names that begin with a dot are of what is being written.
func (f *Folder) list() map[string]stamp {
	out := map[string]stamp{}
	entries, err := os.ReadDir(f.o.Dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.o.Log.Error().Err(err).Msg("the folder of the skills cannot be read")
			return maps.Clone(f.seen) // what was there stays
		}
		return out
	}
	for _, e := range entries {
		dir := filepath.Join(f.o.Dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") || !Is(dir) {
			continue
		}
		files, err := stampOf(dir)
		if err != nil {
			continue // it went meanwhile
		}
		s := stamp{files: files}
		if sig, err := os.Stat(dir + signature); err == nil {
			s.sig = sig.ModTime()
		}
		out[e.Name()] = s
	}
	return out
}

// take reads what is new among the folders, and gives what was refused.
func (f *Folder) take(folders map[string]stamp) (refused []error) {
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		if f.settled[name] == folders[name] {
			continue
		}
		f.settled[name] = folders[name]
		if err := f.load(name); err != nil {
			refused = append(refused, fmt.Errorf("%s: %w", name, err))
			f.o.Observe(strings.ToValidUTF8(name, "?"), Refused)
			line := f.o.Log.Error().Err(err).Str("folder", filepath.Join(f.o.Dir, name))
			if _, there := f.skills[name]; there {
				line.Msg("the new version of a skill was not taken; the old one goes on")
			} else {
				line.Msg("a skill was not taken")
			}
		}
	}
	return refused
}

// load reads a skill and has it take over from the version before.
func (f *Folder) load(name string) error {
	dir := filepath.Join(f.o.Dir, name)
	s, err := Read(dir)
	if err != nil {
		return err
	}
	old := f.skills[name]
	if old != nil && old.sum == s.sum {
		return nil // only its times changed
	}
	if err := f.o.Allow(s.sum, dir+signature); err != nil {
		return err
	}
	s.talk, s.prompt.Manifest.Permissions = f.o.Talk(s), f.o.Permissions
	f.skills[name] = s
	if err := f.o.Publish(f.Skills()); err != nil {
		if delete(f.skills, name); old != nil {
			f.skills[name] = old
		}
		return err
	}
	f.o.Observe(s.Manifest().Name, Taken)
	f.o.Log.Info().Str("skill", name).Str("version", s.Manifest().Version).Str("folder", dir).Str("sha256", s.sum).Msg("a skill was taken")
	if s.scripts && !f.told {
		f.told = true
		f.o.Log.Warn().Str("skill", name).Msg("the scripts of this skill, and of others like it, are never run: only what it tells a model is used")
	}
	return nil
}

// drop ends a skill whose folder went.
func (f *Folder) drop(name string) {
	delete(f.skills, name)
	if err := f.o.Publish(f.Skills()); err != nil {
		f.o.Log.Error().Err(err).Str("folder", name).Msg("a skill went that others need; it says that it is not available")
	}
	f.o.Log.Info().Str("skill", name).Msg("a skill went")
}

// Read reads a skill, whatever folder it lies in and without watching it: for a look at it.
// The error has all that is wrong with it. It answers no turns.
func Read(dir string) (*Skill, error) {
	c, err := read(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	at, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	p, err := Parse(c.text, filepath.Base(at))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, skillFile), err)
	}
	s := &Skill{prompt: p, sum: c.sum, files: c.files, scripts: c.scripts}
	if p.Offered {
		s.prompt.Manifest.Tools = []skills.Tool{s.tool(p.Manifest.Description["en"]+aboutTool, false)}
	}
	if _, err := skills.NewSet(s); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, skillFile), err)
	}
	return s, nil
}
