package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/internal/console"
	"github.com/parley-hub/parley/internal/httpserver"
	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/skills/status"
)

// statsTimeout bounds a look into the queue for a page or a probe.
const statsTimeout = 2 * time.Second

// takesCalls lists what keeps this node from taking the calls of platforms. What the other
// nodes could do no better is not in it: taken from all of them, calls would be lost that
// the mailboxes can keep.
func (a *App) takesCalls(ctx context.Context) []httpserver.Problem {
	var out []httpserver.Problem
	if _, err := a.queue.Stats(ctx, queue.Inbox); err != nil {
		out = append(out, httpserver.Problem{Name: "queue", Text: err.Error()})
	}
	if a.stopping.Load() {
		out = append(out, httpserver.Problem{Name: "hub", Text: "stopping"})
	}
	return out
}

// ready lists what keeps the hub from its work.
func (a *App) ready(ctx context.Context) []httpserver.Problem {
	out := a.takesCalls(ctx)
	if err := a.records.Ping(ctx); err != nil {
		out = append(out, httpserver.Problem{Name: "records", Text: err.Error()})
	}
	for _, h := range a.health() {
		if !h.Up() {
			out = append(out, httpserver.Problem{Name: "account " + string(h.Account), Text: string(h.State) + ": " + h.Text})
		}
	}
	for pool, workers := range byPool(a.registry.Workers()) {
		if !slices.ContainsFunc(workers, up) {
			out = append(out, httpserver.Problem{Name: "models " + pool, Text: "no worker of this pool answers"})
		}
	}
	slices.SortFunc(out, func(x, y httpserver.Problem) int { return strings.Compare(x.Name, y.Name) })
	return out
}

// notes lists which accounts other nodes receive for.
func (a *App) notes() []httpserver.Problem {
	var out []httpserver.Problem
	for _, h := range a.health() {
		if h.Up() && h.Text != "" {
			out = append(out, httpserver.Problem{Name: "account " + string(h.Account), Text: string(h.State) + ": " + h.Text})
		}
	}
	return out
}

// up tells whether a worker takes requests, as far as is known: a new one that no
// probe failed to reach, and one that failed and answers probes again. Were that one
// down, a hub that gets no requests while it is not ready would never be ready again.
func up(w models.WorkerStatus) bool {
	return w.State == models.StateReady || w.State == models.StateDegraded || w.State == models.StateNew && w.Err == nil || w.Due
}

func byPool(workers []models.WorkerStatus) map[string][]models.WorkerStatus {
	out := map[string][]models.WorkerStatus{}
	for _, w := range workers {
		out[w.Pool] = append(out[w.Pool], w)
	}
	return out
}

// health gives each account's state, by name.
func (a *App) health() []adapters.Health {
	out := make([]adapters.Health, 0, len(a.supervised))
	for _, s := range a.supervised {
		out = append(out, s.Health())
	}
	slices.SortFunc(out, func(x, y adapters.Health) int { return strings.Compare(string(x.Account), string(y.Account)) })
	return out
}

func (a *App) accountStates() []telemetry.AccountState {
	var out []telemetry.AccountState
	for _, h := range a.health() {
		out = append(out, telemetry.AccountState{Account: h.Account, Up: h.Up(), State: string(h.State)})
	}
	return out
}

func (a *App) workerStates() []telemetry.WorkerState {
	var out []telemetry.WorkerState
	type series struct{ pool, worker string }
	seen := map[series]bool{}
	for _, w := range a.registry.Workers() {
		if seen[series{w.Pool, w.Name}] {
			w.Name += " " + w.Model // a server with two models is two workers
		}
		if seen[series{w.Pool, w.Name}] {
			continue
		}
		seen[series{w.Pool, w.Name}] = true
		out = append(out, telemetry.WorkerState{Pool: w.Pool, Worker: w.Name, Up: up(w), State: string(w.State), InFlight: w.InFlight})
	}
	return out
}

// connectHint is the piece of configuration that connects a model.
const connectHint = `models:
  pools:
    chat:
      model: qwen2.5-7b-instruct
      workers:
        - url: http://127.0.0.1:8000/v1
`

// overview is the hub for the console's pages.
func (a *App) overview() console.Overview {
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	out := console.Overview{Version: a.o.Version, Started: a.started, Connect: connectHint}
	for pool, workers := range byPool(a.registry.Workers()) {
		p := console.Pool{Name: pool}
		for _, w := range workers {
			p.Model = w.Model
			p.Workers = append(p.Workers, console.Worker{Name: w.Name, Up: up(w), State: string(w.State), InFlight: w.InFlight})
		}
		out.Pools = append(out.Pools, p)
	}
	slices.SortFunc(out.Pools, func(x, y console.Pool) int { return strings.Compare(x.Name, y.Name) })
	for _, h := range a.health() {
		about := a.adapters[h.Account].Describe()
		account := console.Account{
			Name: string(h.Account), Platform: about.Platform, Mode: about.Mode,
			Up: h.Up(), State: string(h.State), Detail: h.Text,
		}
		if section, ok := a.cfg.Channels[h.Account].Config.(configs.PublicURLNeeder); ok && section.NeedsPublicURL() {
			account.Webhook = webhookURL(a.cfg, h.Account)
		}
		out.Accounts = append(out.Accounts, account)
	}
	for _, box := range a.boxes() {
		s, err := a.queue.Stats(ctx, box)
		if err != nil {
			out.Problems = append(out.Problems, err.Error())
			continue
		}
		out.Boxes = append(out.Boxes, console.Box{
			Name: string(box), Items: s.Items, Ready: s.Ready, Leased: s.Leased, Delayed: s.Delayed, Dead: s.Dead, Oldest: s.Oldest,
		})
	}
	for _, p := range a.ready(ctx) {
		out.Problems = append(out.Problems, p.Name+": "+p.Text)
	}
	return out
}

// report is the hub for the status skill.
func (a *App) report(ctx context.Context) status.Report {
	out := status.Report{Version: a.o.Version, Up: time.Since(a.started)}
	for pool, workers := range byPool(a.registry.Workers()) {
		out.Pools = append(out.Pools, status.Pool{Name: pool, Reachable: slices.ContainsFunc(workers, up)})
		for _, w := range workers {
			out.Workers = append(out.Workers, status.Worker{Name: w.Name, Pool: pool, State: string(w.State), Busy: w.InFlight})
		}
	}
	slices.SortFunc(out.Pools, func(x, y status.Pool) int { return strings.Compare(x.Name, y.Name) })
	for _, h := range a.health() {
		out.Accounts = append(out.Accounts, status.Account{Name: string(h.Account), Healthy: h.Up(), Detail: h.Text})
	}
	for _, box := range a.boxes() {
		s, err := a.queue.Stats(ctx, box)
		if err != nil {
			continue
		}
		q := status.Queue{Name: string(box), Ready: s.Ready, Leased: s.Leased, Delayed: s.Delayed, Dead: s.Dead}
		if !s.Oldest.IsZero() {
			q.Oldest = time.Since(s.Oldest)
		}
		out.Queues = append(out.Queues, q)
	}
	return out
}
