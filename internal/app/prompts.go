package app

import (
	"context"
	"strings"

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

// talk is what answers by the instructions of a skill: chat, with these behind the operator's
// own.
func (a *App) talk(s *prompts.Skill) skills.Handler {
	if pool := s.Prompt().Model; pool != "" {
		if _, there := a.running.Load().Models.Pools[pool]; !there {
			a.log.Warn().Str("skill", s.Manifest().Name).Str("pool", pool).Msg("parley-model names a pool that is not there: until it is, the skill cannot answer")
		}
	}
	c := a.cfg.Skills.Chat
	return chat.New(chat.Options{
		Skill: s.Manifest().Name, Models: a.registry, Pool: s.Prompt().Model, Prompt: strings.TrimSpace(c.Prompt + "\n\n" + s.Instructions()),
		MaxTokens: c.MaxTokens, HistoryTokens: a.cfg.Session.HistoryTokens, Tools: chat.ToolOptions(c.Tools), Observer: a.observer,
	})
}
