package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/records"
)

// report is what a hub answers to an order.
type report struct {
	// Version is the build. Err is why nothing was done; empty when it was.
	Version string `json:"version"`
	Err     string `json:"err,omitempty"`
	// Restart are the changed keys that need a restart, Over the pools whose switch does not
	// hold, Waits what waits for a ready worker.
	Restart []string `json:"restart,omitempty"`
	Over    []string `json:"over,omitempty"`
	Waits   []string `json:"waits,omitempty"`
	// Default is the pool that answers where nothing else is said.
	Default  string          `json:"default"`
	Versions []reportVersion `json:"versions"`
	Workers  []reportWorker  `json:"workers"`
}

func (r *report) fail(err error) {
	if err != nil {
		r.Err = err.Error()
	}
}

type reportVersion struct {
	Pool       string `json:"pool"`
	Name       string `json:"name"`
	Model      string `json:"model"`
	Weight     int    `json:"weight"`
	RolledBack string `json:"rolled_back,omitempty"`
	Queued     int    `json:"queued"`
}

type reportWorker struct {
	Pool     string `json:"pool"`
	Version  string `json:"version"`
	Name     string `json:"name"`
	Model    string `json:"model"`
	State    string `json:"state"`
	InFlight int    `json:"in_flight"`
	Slots    int    `json:"slots"`
	// Others are requests of others that its server tells of; it is asked again at Until.
	Others int       `json:"others,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	Err    string    `json:"err,omitempty"`
}

// weights writes the weights of a pool as they are now.
func (r *report) weights(pool string) string {
	var all []string
	for _, v := range r.Versions {
		if v.Pool == pool {
			all = append(all, fmt.Sprintf("%s=%d", v.Name, v.Weight))
		}
	}
	return strings.Join(all, " ")
}

// waiting tells what waits for a ready worker, of a pool or of all.
func (r *report) waiting(b *strings.Builder, pool string) {
	for _, what := range r.Waits {
		if pool == "" || what == pool || strings.HasPrefix(what, pool+"/") {
			fmt.Fprintf(b, "  %s waits for a ready worker; until then what was before answers\n", what)
		}
	}
}

// write lists the pools, their versions and workers.
func (a answer) write(b *strings.Builder, switches []records.Switch) {
	fmt.Fprintf(b, "%s, version %s\n", a.node, a.Version)
	a.waiting(b, "")
	pool := ""
	for _, v := range a.Versions {
		if v.Pool != pool {
			pool = v.Pool
			fmt.Fprintf(b, "  pool %s", pool)
			if pool == a.Default {
				b.WriteString(", the default")
			}
			b.WriteByte('\n')
			if i := slices.IndexFunc(switches, func(s records.Switch) bool { return s.Pool == pool }); i >= 0 {
				fmt.Fprintf(b, "    %s, chosen by %s at %s\n", switches[i].Weights, switches[i].Actor, switches[i].At.Format(time.RFC3339))
			}
		}
		fmt.Fprintf(b, "    version %s, weight %d, model %s, waiting %d\n", v.Name, v.Weight, v.Model, v.Queued)
		if v.RolledBack != "" {
			fmt.Fprintf(b, "      rolled back: %s\n", v.RolledBack)
		}
		for _, w := range a.Workers {
			if w.Pool != pool || w.Version != v.Name || w.Model != v.Model {
				continue
			}
			fmt.Fprintf(b, "      %s, %s, %d of %d slots", w.Name, w.State, w.InFlight, w.Slots)
			if w.Others > 0 {
				fmt.Fprintf(b, ", %d of others", w.Others)
			}
			if !w.Until.IsZero() {
				fmt.Fprintf(b, ", not asked before %s", w.Until.Format(time.RFC3339))
			}
			if w.Err != "" {
				fmt.Fprintf(b, ", %s", w.Err)
			}
			b.WriteByte('\n')
		}
	}
	if pool == "" {
		b.WriteString("  no pools\n")
	}
}
