package admission_test

import (
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
)

func TestReloadKeepsWhatWasSpent(t *testing.T) {
	budget := func(tokens int64) []models.Budget {
		return []models.Budget{{Scope: models.ScopePerson, Day: models.Limit{Tokens: tokens}}}
	}
	b := admission.NewBudgets(admission.BudgetsOptions{Budgets: budget(100)})
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ada := models.Payer{Person: "ada"}
	under, err := b.Reserve(t.Context(), now, ada, admission.Sum{Tokens: 60})
	if err != nil {
		t.Fatal(err)
	}
	b.Reload(budget(70), nil)
	under.Settle(admission.Sum{Tokens: 60})
	if _, err := b.Reserve(t.Context(), now, ada, admission.Sum{Tokens: 20}); err == nil {
		t.Error("what was spent before the reload is forgotten")
	}
	b.Reload(budget(80), nil)
	more, err := b.Reserve(t.Context(), now, ada, admission.Sum{Tokens: 20})
	if err != nil {
		t.Fatalf("the larger budget does not hold: %v", err)
	}
	more.Release()
	b.Reload(nil, nil)
	free, err := b.Reserve(t.Context(), now, ada, admission.Sum{Tokens: 1 << 30})
	if err != nil {
		t.Fatalf("a budget that is gone holds: %v", err)
	}
	free.Release()
}
