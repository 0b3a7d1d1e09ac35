package app

import (
	"strings"

	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/chat"
	"github.com/parley-hub/parley/skills/prompts"
)

// talk is what answers by the instructions of a skill: chat, with these behind the operator's
// own.
func (a *App) talk(s *prompts.Skill) skills.Handler {
	p := s.Prompt()
	return chat.New(chat.Options{
		Manifest: p.Manifest, Models: a.registry, Pool: p.Model, Prompt: strings.TrimSpace(a.cfg.Skills.Chat.Prompt + "\n\n" + s.Instructions()),
		MaxTokens: a.cfg.Skills.Chat.MaxTokens, HistoryTokens: a.cfg.Session.HistoryTokens,
	})
}
