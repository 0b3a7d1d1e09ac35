package models

import (
	"maps"
	"slices"
)

// The roles that may choose a pool.
const (
	RoleUser  = "user"
	RoleAdmin = "admin"
)

// Reason is why a pool answers.
type Reason string

// The reasons, in the order in which they count.
const (
	// ByName: it was named for this very request, by the caller or by a route.
	ByName Reason = "name"
	// ByConversation: the conversation chose it.
	ByConversation Reason = "conversation"
	// BySkillDefault and ByAccountDefault: the configuration has it for the skill, or for
	// the bot or key that was asked.
	BySkillDefault   Reason = "skill"
	ByAccountDefault Reason = "account"
	ByDefault        Reason = "default"
)

// Wish is what there is to choose a pool by. What is empty does not count.
type Wish struct {
	// Named is the pool for this very request: that one or none.
	Named string
	// Chosen is the conversation's, chosen by somebody of the role ChosenBy. It counts as
	// long as that role may choose it.
	Chosen, ChosenBy string
	// Skill and Account are who asks, and through what.
	Skill, Account string
}

// Choice is the pool that answers.
type Choice struct {
	Client Client
	Pool   string
	By     Reason
	// Missed are the pools that came before and are not there, or must not be chosen.
	Missed []string
}

// Choose gives the pool that a wish comes to. One that a conversation or the configuration
// chose and that is gone is passed over, so that nobody is left without an answer by it;
// one that was named is not: a route may be there to keep words from other models. ok is
// false where there is none.
func (r *Registry) Choose(w Wish) (c Choice, ok bool) {
	o := r.now()
	if w.Named != "" {
		if c.Client, ok = o.Pools[w.Named]; !ok {
			return Choice{Missed: []string{w.Named}}, false
		}
		c.Pool, c.By = w.Named, ByName
		return c, true
	}
	if w.Chosen != "" && !o.may(w.ChosenBy, w.Chosen) {
		c.Missed, w.Chosen = append(c.Missed, w.Chosen), ""
	}
	for _, at := range []struct {
		pool string
		by   Reason
	}{
		{w.Chosen, ByConversation}, {o.Skills[w.Skill], BySkillDefault}, {o.Accounts[w.Account], ByAccountDefault},
		{o.Default, ByDefault},
	} {
		if at.pool == "" {
			continue
		}
		if c.Client, ok = o.Pools[at.pool]; ok {
			c.Pool, c.By = at.pool, at.by
			return c, true
		}
		c.Missed = append(c.Missed, at.pool)
	}
	return c, false
}

// May lists the pools that a role may choose for a conversation, in alphabetical order.
func (r *Registry) May(role string) []string {
	o := r.now()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(o.Pools)), func(pool string) bool { return !o.may(role, pool) })
}

func (o *Offer) may(role, pool string) bool {
	return role == RoleAdmin || slices.Contains(o.Roles[pool], role)
}
