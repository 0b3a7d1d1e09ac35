package models

import (
	"fmt"
	"strings"
)

// Prices is what tokens cost, so that the ledger says so. Without a table nothing is
// priced, and only tokens are counted.
type Prices struct {
	// Currency is the ISO 4217 code of all amounts, of prices and budgets.
	Currency string  `yaml:"currency"`
	Table    []Price `yaml:"table"`
}

// Price is what a model's tokens cost, each per million of them.
type Price struct {
	// Model is the id the workers know it by, as in a pool's configuration.
	Model string `yaml:"model"`
	// Prompt is for what the worker has to read, Completion for what it writes.
	Prompt     Amount `yaml:"prompt"`
	Completion Amount `yaml:"completion"`
	// Cached is for what it has read before; left out, as Prompt.
	Cached *Amount `yaml:"cached"`
}

func (p Prices) validate() []Problem {
	var found []Problem
	if !isCurrency(p.Currency) && (p.Currency != "" || len(p.Table) > 0) {
		found = append(found, Problem{"prices.currency", "must be the three capital letters of a currency, as in EUR"})
	}
	seen := make(map[string]int, len(p.Table))
	for i, row := range p.Table {
		key := fmt.Sprintf("prices.table[%d].model", i)
		first, twice := seen[row.Model]
		switch {
		case row.Model == "":
			found = append(found, Problem{key, "is required: the id of a model in a pool"})
		case twice:
			found = append(found, Problem{key, fmt.Sprintf("has its prices in table[%d] already", first)})
		default:
			seen[row.Model] = i
		}
		for _, a := range []struct {
			key   string
			value *Amount
		}{{"cached", row.Cached}, {"completion", &row.Completion}, {"prompt", &row.Prompt}} {
			if a.value != nil && *a.value < 0 {
				found = append(found, Problem{fmt.Sprintf("prices.table[%d].%s", i, a.key), "must not be below 0"})
			}
		}
	}
	return found
}

func isCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
