package redisc

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

var loadsShareScript = script("loads-share")

var _ cluster.Loads = (*Engine)(nil)

// ShareLoads implements cluster.Loads. The counts are added up here and not in Redis,
// which has one thread for all nodes.
func (e *Engine) ShareLoads(ctx context.Context, own map[string]int) (map[string]int, error) {
	const op = "share loads"
	if err := cluster.CheckLoads(own); err != nil {
		return nil, err
	}
	busy := make(map[string]int, len(own))
	for worker, n := range own {
		if n > 0 {
			busy[worker] = n
		}
	}
	counts := ""
	if len(busy) > 0 {
		body, err := json.Marshal(busy)
		if err != nil {
			return nil, fault.New(fault.Bug, op, err)
		}
		counts = string(body)
	}
	answer, err := e.run(ctx, op, loadsShareScript, []string{loadsKey(e.o.Prefix)},
		e.Node(), counts, cluster.LoadHalfAfter.Milliseconds(), cluster.LoadGoneAfter.Milliseconds())
	if err != nil {
		return nil, err
	}
	parts, _ := answer.([]any)
	if len(parts)%2 != 0 {
		return nil, fault.New(fault.Retryable, op, fmt.Errorf("unknown answer %v", answer))
	}
	return e.addLoads(parts), nil
}

// addLoads adds up pairs of weight and counts. What this version cannot read is passed
// over: it is a hint, and other versions of the hub may be on the same keys.
func (e *Engine) addLoads(parts []any) map[string]int {
	halves := map[string]int{}
	for i := 0; i < len(parts); i += 2 {
		weight, _ := parts[i].(int64)
		text, _ := parts[i+1].(string)
		var counts map[string]int
		if err := json.Unmarshal([]byte(text), &counts); err != nil || cluster.CheckLoads(counts) != nil {
			e.log.Debug().Msg("a node tells of loads what this version cannot read")
			continue
		}
		for worker, n := range counts {
			halves[worker] += int(weight) * n
		}
	}
	for worker, n := range halves {
		halves[worker] = (n + 1) / 2
	}
	return halves
}
