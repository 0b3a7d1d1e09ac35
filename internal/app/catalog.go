package app

import (
	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/discord"
	"github.com/parley-hub/parley/adapters/slack"
	"github.com/parley-hub/parley/adapters/telegram"
	"github.com/parley-hub/parley/adapters/whatsapp"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/accounts"
	"github.com/parley-hub/parley/skills/chat"
	"github.com/parley-hub/parley/skills/forget"
	"github.com/parley-hub/parley/skills/help"
	"github.com/parley-hub/parley/skills/link"
	"github.com/parley-hub/parley/skills/model"
	"github.com/parley-hub/parley/skills/newchat"
	"github.com/parley-hub/parley/skills/reach"
	"github.com/parley-hub/parley/skills/recap"
	"github.com/parley-hub/parley/skills/start"
	"github.com/parley-hub/parley/skills/status"
	"github.com/parley-hub/parley/skills/tour"
	"github.com/parley-hub/parley/skills/unlink"
	"github.com/parley-hub/parley/skills/whoami"
)

// Factories lists the platforms. A new platform is one folder and one line here.
func Factories() []adapters.Factory {
	return []adapters.Factory{
		telegram.Factory(),
		slack.Factory(),
		discord.Factory(),
		whatsapp.Factory(),
	}
}

// parts is what skills are made from.
type parts struct {
	config *configs.Config
	models *models.Registry
	// real is the models without the offline one.
	real   *models.Registry
	status status.Source
	people *persons
	// observer sees what becomes of messages; nil for nobody.
	observer core.Observer
	// doors are the links to the bot's other accounts; nil for none.
	doors link.Doors
	// list tells what somebody may use: the set that is being made.
	list func(role skills.Role, place core.Place) []skills.Manifest
	// playground is true for a hub that is tried out.
	playground bool
}

// builtin lists the skills. A new skill is one folder and one line here.
func builtin(p parts) []skills.Skill {
	links := link.New(p.people, p.doors)
	all := []skills.Skill{
		chat.New(chat.Options{
			Models: p.models, Prompt: p.config.Skills.Chat.Prompt, MaxTokens: p.config.Skills.Chat.MaxTokens,
			HistoryTokens: p.config.Session.HistoryTokens, Tools: chat.ToolOptions(p.config.Skills.Chat.Tools), Observer: p.observer,
		}),
		start.New(start.Options{List: p.list, Invited: links.Invited}),
		help.New(p.list),
		newchat.New(),
		recap.New(p.real),
		links,
		unlink.New(p.people),
		accounts.New(p.people),
		reach.New(p.people),
		model.New(model.Options{Models: p.models, Of: chat.Name}),
		forget.New(p.people),
		whoami.New(),
		status.New(p.status),
	}
	if p.playground {
		all = append(all, tour.New(playgroundPace))
	}
	return all
}

// What answers where nothing else is routed to.
const (
	defaultSkill  = chat.Name
	fallbackSkill = help.Name
)

// newSet makes the skills inside the hub.
func newSet(p parts) (*skills.Set, error) {
	var set *skills.Set
	p.list = func(role skills.Role, place core.Place) []skills.Manifest { return set.For(role, place) }
	var err error
	set, err = skills.NewSet(builtin(p)...)
	return set, err
}
