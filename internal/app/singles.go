package app

import (
	"context"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/cluster"
)

// Single has accounts ask the leases of the cluster who of the nodes receives.
func Single(s *cluster.Singles) adapters.Single { return singles{s} }

type singles struct{ *cluster.Singles }

// Hold implements adapters.Single.
func (s singles) Hold(ctx context.Context, c adapters.Claim, standby func(holder string)) (adapters.Held, error) {
	held, err := s.Singles.Hold(ctx, string(c.Account), c.Name, c.Of, standby)
	if err != nil {
		return nil, err
	}
	return held, nil
}
