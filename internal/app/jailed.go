package app

import (
	"context"
	"os/exec"

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

// jailed starts skills' programs so that they reach nothing but the hub.
func jailed(p plugin.Program) (*exec.Cmd, error) {
	// go-plugin ends the program, so no context does.
	cmd, _, err := jail.Command(context.Background(), jail.Options{
		Path: p.Path, Dir: p.Dir, Env: p.Env, Memory: p.Memory, Stdin: true,
	})
	return cmd, err
}
