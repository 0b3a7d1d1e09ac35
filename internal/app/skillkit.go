package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/skills/plugin"
	"github.com/parley-hub/parley/skills/plugin/protocol"
)

// ErrNoFolder is returned when the configuration names no folder for skills.
var ErrNoFolder = errors.New("the configuration names no folder of skills (skills.folder)")

// ErrSkillName is returned for a name that no skill may have.
var ErrSkillName = errors.New("a skill's name is lower case letters, digits and hyphens")

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
		require = "require github.com/parley-hub/parley v0.0.0\n\nreplace github.com/parley-hub/parley => " + at
	}
	if err := os.Mkdir(name, 0o750); err != nil {
		return err
	}
	fill := strings.NewReplacer("NAME", name, "COMMAND", strings.ReplaceAll(name, "-", "_"), "REQUIRE", require)
	for file, text := range skeleton {
		if err := os.WriteFile(filepath.Join(name, file), []byte(fill.Replace(text)), 0o600); err != nil {
			return err
		}
	}
	if err := goTool(ctx, out, name, "mod", "tidy"); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s is there. Next:\n  parley skill run %s\n  parley skill test %s\n  parley skill install %s\n", name, name, name, name)
	return err
}

func goTool(ctx context.Context, out io.Writer, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // fixed words and the folder that the caller names
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // static, so that it needs no file of the system
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s in %s: %w", strings.Join(args, " "), dir, err)
	}
	return nil
}

// TestSkill runs the tests of a skill's folder, with the contract suite over its program.
func TestSkill(ctx context.Context, out io.Writer, dir string) error {
	return goTool(ctx, out, dir, "test", "-count=1", "./...")
}

// program gives the program at a path: the file, or what the folder there builds. done takes
// away what was made for it.
func program(ctx context.Context, out io.Writer, path string) (file string, done func() error, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", nil, err
	}
	if !info.IsDir() {
		return path, func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "parley-build-")
	if err != nil {
		return "", nil, err
	}
	done = func() error { return os.RemoveAll(dir) }
	file = filepath.Join(dir, filepath.Base(path))
	if err := goTool(ctx, out, path, "build", "-trimpath", "-o", file, "."); err != nil {
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
	s, end, err := plugin.Open(ctx, plugin.Options{Allow: allow, Command: jailed{}.start, Log: zerolog.New(zerolog.ConsoleWriter{Out: out, NoColor: true})}, file)
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
	return withSkill(ctx, out, path, plugin.Allow{}, func(s *plugin.Skill, file string) error {
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return err
		}
		name := s.Manifest().Name
		if err := putInto(file, filepath.Join(folder, name)); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "%s %s is installed as %s\nsha256 %s\n", name, s.Manifest().Version, filepath.Join(folder, name), s.Sum())
		return err
	})
}

// putInto copies a file so that whoever looks sees the old one or the whole new one.
func putInto(from, to string) error {
	in, err := os.Open(from) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	part, err := os.CreateTemp(filepath.Dir(to), ".part-")
	if err != nil {
		return err
	}
	_, err = io.Copy(part, in)
	err = errors.Join(err, part.Chmod(0o755), part.Sync(), part.Close())
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
	if err != nil {
		return err
	}
	allow := plugin.Allow{Sums: cfg.Skills.Allow.Sums, Signers: cfg.Skills.Allow.Signers}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), plugin.Signature) {
			continue
		}
		err := withSkill(ctx, io.Discard, filepath.Join(folder, e.Name()), allow, func(s *plugin.Skill, _ string) error {
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
	if err := os.Remove(filepath.Join(folder, name)); err != nil {
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
	if _, err := os.Stat(path); err != nil && !slices.Contains([]string{"", "."}, cfg.Skills.Folder) {
		path = filepath.Join(cfg.Skills.Folder, filepath.Base(path))
	}
	return withSkill(ctx, out, path, plugin.Allow{}, func(s *plugin.Skill, _ string) error {
		data, err := protocol.EncodeManifest(s.Manifest())
		if err != nil {
			return err
		}
		var spread map[string]any
		if err := json.Unmarshal(data, &spread); err != nil {
			return err
		}
		spread["sha256"] = s.Sum()
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(spread)
	})
}
