package telemetry_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-hub/parley/internal/telemetry"
)

func TestPools(t *testing.T) {
	r := newRecorder(telemetry.Options{})
	states := func() []telemetry.PoolState {
		return []telemetry.PoolState{
			{
				Pool: "chat", QueueTokens: 12000, Waiting: 7, Wait: 1500 * time.Millisecond, Utilization: 1.25,
				PerMinute: 42.5, Demand: 3.2, Advised: 4, Minimum: 2,
			},
			{Pool: "embed"},
		}
	}
	if err := r.WatchPools(states); err != nil {
		t.Fatal(err)
	}
	text := scrape(t, r)
	for _, line := range []string{
		`parley_pool_queue_tokens{pool="chat"} 12000`, `parley_pool_queue_requests{pool="chat"} 7`, `parley_pool_wait_seconds{pool="chat"} 1.5`,
		`parley_pool_utilization{pool="chat"} 1.25`, `parley_pool_arrivals_per_minute{pool="chat"} 42.5`,
		`parley_pool_demand_workers{pool="chat"} 3.2`, `parley_pool_advised_workers{pool="chat"} 4`,
		`parley_pool_minimum_workers{pool="chat"} 2`, `parley_pool_advised_workers{pool="embed"} 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	if r.WatchPools(states) == nil {
		t.Error("pools were watched twice")
	}
}
