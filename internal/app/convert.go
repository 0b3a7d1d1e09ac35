package app

import (
	"fmt"
	"regexp"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/skills"
)

// newTable makes the route table of a configuration and the skills there are.
func newTable(cfg *configs.Config, set *skills.Set) (*router.Table, error) {
	o := router.TableOptions{
		Access: router.Access{
			DM: router.Policy(cfg.Access.DM), Groups: router.Policy(cfg.Access.Groups),
			Allow: members(cfg.Access.Allow), Admins: members(cfg.Access.Admins),
		},
		Commands: map[string]string{}, Default: defaultSkill, Fallback: fallbackSkill,
	}
	for _, s := range set.All() {
		m := s.Manifest()
		o.Skills = append(o.Skills, m.Name)
		for _, c := range m.Commands {
			o.Commands[c.Name] = m.Name
		}
		if g := m.Triggers; !g.None() {
			o.Triggers = append(o.Triggers, router.Trigger{
				Skill: m.Name, Keywords: g.Keywords, Pattern: g.Expression(), Intents: len(g.Intents) > 0, Every: g.Every,
				Allows: func(r skills.Role, in core.Conversation) bool { return m.Allows(r, in.Place) && m.On(in.Account) },
			})
		}
	}
	for _, r := range cfg.Routes {
		rule, err := ruleOf(r)
		if err != nil {
			return nil, err
		}
		o.Rules = append(o.Rules, rule)
	}
	return router.NewTable(o)
}

func ruleOf(r configs.Route) (router.Rule, error) {
	when := router.Condition{
		Channels: as[core.Account](r.When.Channels), Places: as[router.Where](r.When.Places),
		Roles: as[skills.Role](r.When.Roles), Commands: r.When.Commands, Keywords: r.When.Keywords,
		Languages: r.When.Languages, Addressed: r.When.Addressed,
	}
	if r.When.Pattern != "" {
		pattern, err := regexp.Compile(r.When.Pattern)
		if err != nil {
			return router.Rule{}, fmt.Errorf("route %q: pattern: %w", r.Name, err)
		}
		when.Pattern = pattern
	}
	return router.Rule{
		Name: r.Name, When: when,
		To: router.Target{Skill: r.To.Skill, Model: r.To.Model, Ignore: r.To.Ignore},
	}, nil
}

func as[T, S ~string](list []S) []T {
	out := make([]T, len(list))
	for i, s := range list {
		out[i] = T(s)
	}
	return out
}

func members(list []configs.Person) []router.Member {
	out := make([]router.Member, len(list))
	for i, p := range list {
		out[i] = router.Member{Realm: p.Realm, User: p.User}
	}
	return out
}
