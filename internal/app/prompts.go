package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/chat"
	"github.com/parley-hub/parley/skills/prompts"
)

// makeInstructions takes the folders with a SKILL.md in the skills' folder.
func (a *App) makeInstructions(ctx context.Context) {
	cfg := a.cfg.Skills
	if cfg.Folder == "" {
		return
	}
	a.instructions = prompts.New(prompts.Options{
		Dir: cfg.Folder, Allow: allowed(a.cfg).Check, Talk: a.talk,
		Permissions: chat.Permissions(chat.ToolOptions(cfg.Chat.Tools)), Log: a.room("prompts"), Observe: a.telemetry.Plugin,
		Publish: func(all []*prompts.Skill) error { return a.outside.publish(fromInstructions, asSkills(all)) },
	})
	a.instructions.Load(ctx)
}

// poolless is the error of a skill whose model is a pool that is not there.
func poolless(s *prompts.Skill, cfg *configs.Config) error {
	pool := s.Prompt().Model
	if _, there := cfg.Models.Pools[pool]; pool == "" || there {
		return nil
	}
	return fmt.Errorf("skill %s: parley-model names %q, and there is no such pool", s.Manifest().Name, pool)
}

// speechless are the skills of instructions that could not answer.
func speechless(cfg *configs.Config, set *skills.Set) (all []error) {
	for _, s := range set.All() {
		if s, ok := s.(*prompts.Skill); ok {
			all = append(all, poolless(s, cfg))
		}
	}
	return all
}

// talk is what answers by the instructions of a skill: chat, with these behind the operator's
// own.
func (a *App) talk(s *prompts.Skill) skills.Handler {
	if err := poolless(s, a.running.Load()); err != nil {
		a.log.Warn().Err(err).Msg("until it is there, the skill cannot answer")
	}
	c := a.cfg.Skills.Chat
	return chat.New(chat.Options{
		Skill: s.Manifest().Name, Models: a.registry, Pool: s.Prompt().Model, Prompt: strings.TrimSpace(c.Prompt + "\n\n" + s.Instructions()),
		MaxTokens: c.MaxTokens, HistoryTokens: a.cfg.Session.HistoryTokens, Tools: chat.ToolOptions(c.Tools), Observer: a.observer,
	})
}
