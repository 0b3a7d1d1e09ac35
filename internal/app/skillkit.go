package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/skills/plugin"
	"github.com/parley-hub/parley/skills/plugin/protocol"
	"github.com/parley-hub/parley/skills/prompts"
)

// ErrNoFolder is returned when the configuration names no folder for skills.
var ErrNoFolder = errors.New("the configuration names no folder of skills: set skills.folder in parley.yaml, or PARLEY_SKILLS_FOLDER")

// ErrSkillName is returned for a name that no skill may have.
var ErrSkillName = errors.New("a skill's name begins with a lower case letter, then come lower case letters, digits and hyphens, 32 in all at most")

// ErrSource is returned for a folder that does not hold Parley's own source.
var ErrSource = errors.New("--source is the folder of Parley's own source")

var (
	errNoProgram = errors.New("there is no program and no folder with the source of one")
	errNoSource  = errors.New("there is no Go source in it; parley skill new NAME makes a folder to begin with")
	errNoGo      = errors.New("building a skill needs Go, which is not on the PATH (https://go.dev/dl)")
)

// newSkillName is a skill's name that is also fit for a folder and a command.
var newSkillName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// NewSkill writes a folder with a skill to begin with, named like the skill. source is the
// folder of Parley's own source; empty for the released module of version.
func NewSkill(ctx context.Context, out io.Writer, name, source, version string) error {
	if !newSkillName.MatchString(name) {
		return fmt.Errorf("%w: %q", ErrSkillName, name)
	}
	require := "require github.com/parley-hub/parley " + version
	if source != "" {
		at, err := filepath.Abs(source)
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(at, "skills", "sdk")); err != nil {
			return fmt.Errorf("%w, which is not %s", ErrSource, at)
		}
		require = "require github.com/parley-hub/parley v0.0.0\n\nreplace github.com/parley-hub/parley => " + strconv.Quote(at)
	}
	if _, err := exec.LookPath("go"); err != nil {
		return errNoGo
	}
	if err := os.Mkdir(name, 0o750); errors.Is(err, os.ErrExist) {
		return fmt.Errorf("there is a %s here already: %w", name, os.ErrExist)
	} else if err != nil {
		return err
	}
	if err := fillSkill(ctx, out, name, require); err != nil {
		return errors.Join(err, os.RemoveAll(name)) // it can be called again then
	}
	_, err := fmt.Fprintf(out, "%s is there. Next:\n  parley skill run %s\n  parley skill test %s\n  parley skill install %s\n", name, name, name, name)
	return err
}

// fillSkill writes the files of a new skill, and finds what it needs.
func fillSkill(ctx context.Context, out io.Writer, name, require string) error {
	fill := strings.NewReplacer("NAME", name, "COMMAND", strings.ReplaceAll(name, "-", "_"), "REQUIRE", require)
	for file, text := range skeleton {
		if err := os.WriteFile(filepath.Join(name, file), []byte(fill.Replace(text)), 0o600); err != nil {
			return err
		}
	}
	return goTool(ctx, out, name, "mod", "tidy")
}

func goTool(ctx context.Context, out io.Writer, dir string, args ...string) error {
	if _, err := exec.LookPath("go"); err != nil {
		return errNoGo
	}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // fixed words and the folder that the caller names
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	// Static, so that it needs no file of the system; without paths, so that its checksum is the
	// same wherever it is built. All with the same flags: what one command built the next one has.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -trimpath"))
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s in %s failed (%w); what it says stands above", args[0], dir, err)
	}
	return nil
}

// TestSkill runs the tests of a skill's folder, with the contract suite over its program.
func TestSkill(ctx context.Context, out io.Writer, dir string) error {
	if err := hasSource(dir); err != nil {
		return err
	}
	return goTool(ctx, out, dir, "test", "-count=1", "./...")
}

func hasSource(dir string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%s: there is no such folder", dir)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*.go")); err != nil || len(files) == 0 {
		return fmt.Errorf("%s: %w", dir, errNoSource)
	}
	return nil
}

// program gives the program at a path: the file, or what the folder there builds. done takes
// away what was made for it.
func program(ctx context.Context, out io.Writer, path string) (file string, done func() error, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil, fmt.Errorf("%s: %w", path, errNoProgram)
	}
	if err != nil {
		return "", nil, err
	}
	if !info.IsDir() {
		return path, func() error { return nil }, nil
	}
	if prompts.Is(path) {
		return "", nil, ErrNoProgram
	}
	if err := hasSource(path); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "parley-build-")
	if err != nil {
		return "", nil, err
	}
	done = func() error { return os.RemoveAll(dir) }
	file = filepath.Join(dir, "skill")
	if err := goTool(ctx, out, path, "build", "-o", file, "."); err != nil {
		return "", nil, errors.Join(err, done())
	}
	return file, done, nil
}

// withSkill starts the program at a path for as long as do takes.
func withSkill(ctx context.Context, out io.Writer, path string, allow plugin.Allow, do func(s *plugin.Skill, file string) error) error {
	file, done, err := program(ctx, out, path)
	if err != nil {
		return err
	}
	log := zerolog.New(zerolog.ConsoleWriter{Out: out, NoColor: true, PartsExclude: []string{zerolog.TimestampFieldName}}).Level(zerolog.WarnLevel)
	s, end, err := plugin.Open(ctx, plugin.Options{Allow: allow, Command: jailed{}.start, Log: log}, file)
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", path, err), done())
	}
	return errors.Join(do(s, file), end(), done())
}

// InstallSkill puts the program at a path, or the one that the folder there builds, into the
// skills' folder: it is checked as the hub would, and takes its place in one step.
func InstallSkill(ctx context.Context, out io.Writer, cfg *configs.Config, path string) error {
	folder := cfg.Skills.Folder
	if folder == "" {
		return ErrNoFolder
	}
	if prompts.Is(path) {
		return installPrompt(out, cfg, path)
	}
	return withSkill(ctx, out, path, plugin.Allow{}, func(s *plugin.Skill, file string) error {
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return err
		}
		name := s.Manifest().Name
		in, err := os.Open(file) //nolint:gosec // the caller names it
		if err != nil {
			return err
		}
		defer func() { _ = in.Close() }() // it was only read
		to := filepath.Join(folder, name)
		if err := putInto(in, to, 0o755); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s is installed as %s\nsha256 %s\n", titled(s.Manifest()), to, s.Sum()); err != nil {
			return err
		}
		return tellAllowed(out, cfg, name, s.Sum(), to)
	})
}

// tellAllowed says where a hub of this configuration would not take a skill.
func tellAllowed(out io.Writer, cfg *configs.Config, name, sum, path string) error {
	if err := allowed(cfg).Check(sum, path+plugin.Signature); err != nil {
		_, err := fmt.Fprintf(out, "a hub with this configuration does not take it yet: %v (skills.allow, or parley skill sign %s)\n", err, name)
		return err
	}
	return nil
}

// allowed are the programs that a configuration lets start.
func allowed(cfg *configs.Config) plugin.Allow {
	return plugin.Allow{Sums: cfg.Skills.Allow.Sums, Signers: cfg.Skills.Allow.Signers}
}

// putInto writes a file so that whoever looks sees the old one or the whole new one.
func putInto(in io.Reader, to string, mode os.FileMode) error {
	part, err := os.CreateTemp(filepath.Dir(to), ".part-")
	if err != nil {
		return err
	}
	_, err = io.Copy(part, in)
	err = errors.Join(err, part.Chmod(mode), part.Sync(), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return nil
}

// ListSkills prints what lies in the skills' folder, and what a hub would say of it.
func ListSkills(ctx context.Context, out io.Writer, cfg *configs.Config) error {
	folder := cfg.Skills.Folder
	if folder == "" {
		return ErrNoFolder
	}
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	found := false
	for _, e := range entries {
		at := filepath.Join(folder, e.Name())
		if strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), plugin.Signature) || e.IsDir() && !prompts.Is(at) {
			continue
		}
		found = true
		if prompts.Is(at) {
			if err := listPrompt(out, cfg, at); err != nil {
				return err
			}
			continue
		}
		err := withSkill(ctx, io.Discard, at, allowed(cfg), func(s *plugin.Skill, _ string) error {
			m := s.Manifest()
			var commands []string
			for _, c := range m.Commands {
				commands = append(commands, "/"+c.Name)
			}
			_, err := fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", m.Name, m.Version, strings.Join(commands, " "), s.Sum())
			return err
		})
		if err != nil {
			if _, err := fmt.Fprintf(out, "%s\t%v\n", e.Name(), err); err != nil {
				return err
			}
		}
	}
	if !found {
		_, err := fmt.Fprintf(out, "no skills in %s\n", folder)
		return err
	}
	return nil
}

// RemoveSkill takes a skill's program out of the folder.
func RemoveSkill(out io.Writer, cfg *configs.Config, name string) error {
	folder := cfg.Skills.Folder
	switch {
	case folder == "":
		return ErrNoFolder
	case name != filepath.Base(name) || strings.HasPrefix(name, "."):
		return fmt.Errorf("%w: %q", ErrSkillName, name)
	}
	take := os.Remove
	if prompts.Is(filepath.Join(folder, name)) {
		take = removePrompt
	}
	if err := take(filepath.Join(folder, name)); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no skill %s in %s", name, folder)
	} else if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(folder, name+plugin.Signature)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err := fmt.Fprintln(out, name, "is removed")
	return err
}

// SkillInfo prints the manifest of a program: of a file, of what a folder builds, or of one in
// the skills' folder.
func SkillInfo(ctx context.Context, out io.Writer, cfg *configs.Config, path string) error {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if path, err = installed(cfg, path); err != nil {
			return err
		}
	}
	if prompts.Is(path) {
		return promptInfo(out, path)
	}
	return withSkill(ctx, out, path, plugin.Allow{}, func(s *plugin.Skill, _ string) error {
		data, err := protocol.EncodeManifest(s.Manifest())
		if err != nil {
			return err
		}
		return writeInfo(out, data, map[string]any{"sha256": s.Sum()})
	})
}
