package app

import (
	"context"
	"debug/elf"
	"errors"
	"os/exec"
	"slices"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/internal/jail"
	"github.com/parley-hub/parley/skills/plugin"
)

// tellJail logs what keeps skills' programs in on this system, and what does not.
func (a *App) tellJail(ctx context.Context) error {
	holds, err := jail.Probe(ctx)
	if err != nil {
		return err
	}
	log := a.room("plugins")
	for _, rule := range holds {
		if rule.Holds {
			log.Debug().Str("layer", string(rule.Layer)).Str("how", rule.How).Msg("keeps skills' programs in")
		} else {
			log.Warn().Str("layer", string(rule.Layer)).Str("how", rule.How).Msg("does not keep skills' programs in on this system (docs/skills-security.md)")
		}
	}
	return nil
}

// jailed starts skills' programs so that they reach nothing but the hub, and use no more
// than this.
type jailed configs.SkillLimits

// start is a plugin.Command. go-plugin ends the program, so no context does.
func (most jailed) start(p plugin.Program) (*exec.Cmd, error) {
	if needsLibraries(p.Path) {
		return nil, errNotStatic
	}
	memory := p.Memory
	if memory <= 0 {
		memory = jail.DefaultMemory
	}
	if most.Memory > 0 {
		memory = min(memory, int64(most.Memory))
	}
	cmd, _, err := jail.Command(context.Background(), jail.Options{
		Path: p.Path, Dir: p.Dir, Env: p.Env, Memory: memory, CPU: most.CPU, Stdin: true,
	})
	return cmd, err
}

var errNotStatic = errors.New("it needs the system's libraries, which a skill does not reach; build it with CGO_ENABLED=0, as parley skill install does")

// needsLibraries tells whether a program of Linux asks for a loader of libraries.
func needsLibraries(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false // whatever else it is, its start tells
	}
	defer func() { _ = f.Close() }() // it was only read
	return slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}
