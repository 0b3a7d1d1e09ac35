package models

import "fmt"

// Scope says whose spending a budget bounds.
type Scope string

// The scopes.
const (
	ScopePerson  Scope = "person"
	ScopeRole    Scope = "role"
	ScopeAccount Scope = "account"
)

// Budget bounds what is spent in a day and in a month, both in the time zone of
// Config. Where several hold for a request, each must have room for it.
type Budget struct {
	Scope Scope `yaml:"scope"`
	// Name is the role, the account or the person's id that is meant; left out, each one
	// on its own.
	Name  string `yaml:"name"`
	Day   Limit  `yaml:"day"`
	Month Limit  `yaml:"month"`
}

// Limit is how much may be spent; 0 is no limit.
type Limit struct {
	// Tokens are those of prompts and answers together.
	Tokens int64 `yaml:"tokens"`
	// Cost is in the currency of Prices.
	Cost Amount `yaml:"cost"`
}

// validateBudgets needs to know whether anything is priced.
func validateBudgets(budgets []Budget, p Prices) []Problem {
	var found []Problem
	type whose struct {
		scope Scope
		name  string
	}
	seen := map[whose]int{}
	for i, b := range budgets {
		key := fmt.Sprintf("budgets[%d]", i)
		found = append(found, b.validate(key, p)...)
		first, twice := seen[whose{b.Scope, b.Name}]
		if twice {
			found = append(found, Problem{key + ".name", fmt.Sprintf("has its budget in budgets[%d] already", first)})
			continue
		}
		seen[whose{b.Scope, b.Name}] = i
	}
	return found
}

func (b Budget) validate(key string, p Prices) []Problem {
	var found []Problem
	for _, l := range []struct {
		key string
		Limit
	}{{"day", b.Day}, {"month", b.Month}} {
		if l.Cost < 0 {
			found = append(found, Problem{key + "." + l.key + ".cost", "must be an amount of money, 0 for any"})
		}
		if l.Cost > 0 && len(p.Table) == 0 {
			found = append(found, Problem{key + "." + l.key + ".cost", "needs models.prices: without a price nothing costs anything"})
		}
		if l.Tokens < 0 {
			found = append(found, Problem{key + "." + l.key + ".tokens", "must be a number of tokens, 0 for any"})
		}
	}
	switch b.Scope {
	case ScopePerson, ScopeRole, ScopeAccount:
	default:
		found = append(found, Problem{key + ".scope", "must be one of: person, role, account"})
	}
	if b.Day == (Limit{}) && b.Month == (Limit{}) {
		found = append(found, Problem{key, "bounds nothing; give it tokens or a cost, for the day or the month"})
	}
	return found
}
