package alone

import (
	"context"

	"github.com/parley-hub/parley/cluster"
)

var _ cluster.Loads = (*Engine)(nil)

// ShareLoads gives nothing: there is no node elsewhere.
func (*Engine) ShareLoads(_ context.Context, own map[string]int) (map[string]int, error) {
	return nil, cluster.CheckLoads(own)
}
