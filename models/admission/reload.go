package admission

import (
	"time"

	"github.com/parley-hub/parley/models"
)

// rules are the budgets, and where their days begin.
type rules struct {
	budgets []models.Budget
	zone    *time.Location
}

// Reload has other budgets hold for what is asked from now on; a nil zone is UTC. What was
// spent stays spent, and what is set aside is settled where it was reserved. Of somebody
// whom no budget bound, nothing was counted until now.
func (b *Budgets) Reload(budgets []models.Budget, zone *time.Location) {
	if zone == nil {
		zone = time.UTC
	}
	b.rules.Store(&rules{budgets, zone})
}
