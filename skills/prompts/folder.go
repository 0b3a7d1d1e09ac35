package prompts

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/folder"
)

// What happened to a skill's folder, for metrics.
const (
	// Taken: a version of a skill was read and is used.
	Taken = "taken"
	// Refused: a folder was not taken.
	Refused = "refused"
)

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
	// Look is the time between two looks; 0 for folder.DefaultEvery. A folder that changed is taken
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
	o      Options
	watch  folder.Watch
	skills map[string]*Skill // by folder
	// told is true once it was said that scripts are not run.
	told bool
}

// New makes a Folder.
func New(o Options) *Folder {
	if o.Look == 0 {
		o.Look = folder.DefaultEvery
	}
	if o.Allow == nil {
		o.Allow = func(string, string) error { return nil }
	}
	if o.Observe == nil {
		o.Observe = func(string, string) {}
	}
	f := &Folder{o: o, skills: map[string]*Skill{}}
	f.watch = folder.Watch{
		Dir: o.Dir, Every: o.Look, Log: o.Log, Stamp: stampOf, Take: f.load, Drop: f.drop,
		Refused: func(name string) { o.Observe(name, Refused) },
		Has:     func(name string) bool { return f.skills[name] != nil },
	}
	return f
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
func (f *Folder) Load(ctx context.Context) []error { return f.watch.Load(ctx) }

// Run looks at the folder until ctx ends.
func (f *Folder) Run(ctx context.Context) error { return f.watch.Run(ctx) }

// Look takes what changed and is as the look before found it, and drops what neither found.
func (f *Folder) Look(ctx context.Context) { f.watch.Look(ctx) }

// load reads a skill and has it take over from the version before.
func (f *Folder) load(_ context.Context, name string) error {
	dir := filepath.Join(f.o.Dir, name)
	s, err := readSkill(dir)
	if err != nil {
		return err
	}
	old := f.skills[name]
	if old != nil && old.sum == s.sum {
		return nil // only its times changed
	}
	if err := f.o.Allow(s.sum, dir+folder.Signature); err != nil {
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
	s, err := readSkill(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return s, nil
}

func readSkill(dir string) (*Skill, error) {
	c, err := read(dir)
	if err != nil {
		return nil, err
	}
	at, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	p, err := Parse(c.text, filepath.Base(at))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", skillFile, err)
	}
	s := &Skill{prompt: p, sum: c.sum, files: c.files, scripts: c.scripts}
	if p.Offered {
		s.prompt.Manifest.Tools = []skills.Tool{s.tool(p.Manifest.Description["en"]+aboutTool, false)}
	}
	if _, err := skills.NewSet(s); err != nil {
		return nil, fmt.Errorf("%s: %w", skillFile, err)
	}
	return s, nil
}
