package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/records"
)

const (
	// answerWithin is how long hubs may take to answer an order: they look for it each
	// controlEvery, and a reload may look for a worker on the machine.
	answerWithin = 10 * time.Second
	answerLook   = 50 * time.Millisecond
)

// Why an operator's words about models come to nothing.
var (
	// ErrModels is in the error of words that fit to no pool of the configuration.
	ErrModels = errors.New("models")
	errNoHub  = errors.New("no hub answers on these records; start one, or look whether it has this configuration")
)

// Models shows and changes the models of the hubs that are running, for an operator.
type Models struct {
	Config *configs.Config
	Out    io.Writer
}

// answer is what a hub said to an order.
type answer struct {
	node string
	report
}

// Show lists the pools, versions and workers of all hubs that are running.
func (o Models) Show(ctx context.Context) error {
	all, switches, err := o.order(ctx, records.OrderLook)
	if err != nil {
		return err
	}
	return o.print(all, func(b *strings.Builder, a answer) { a.write(b, switches) })
}

// Use gives the versions of a pool weights, in place of the configured ones and until those
// change: words are VERSION=WEIGHT, or one VERSION; none goes back to the configured ones.
func (o Models) Use(ctx context.Context, pool string, words []string) error {
	p, known := o.Config.Models.Pools[pool]
	if !known {
		return fmt.Errorf("%w: there is no pool %q; there are: %s", ErrModels, pool, strings.Join(slices.Sorted(maps.Keys(o.Config.Models.Pools)), ", "))
	}
	sw := records.Switch{Pool: pool, Configured: configuredWeights(p)}
	if len(words) > 0 {
		weights, err := parseWeights(p, words)
		if err != nil {
			return fmt.Errorf("%w: pool %s: %w", ErrModels, pool, err)
		}
		sw.Weights = writeWeights(p, weights)
	}
	all, _, err := o.order(ctx, records.OrderUse, sw)
	if err != nil {
		return err
	}
	for i, a := range all {
		if slices.Contains(a.Over, pool) {
			all[i].Err = "its configuration of the pool is another one than here; reload it first"
		}
	}
	return o.print(all, func(b *strings.Builder, a answer) {
		fmt.Fprintf(b, "%s: pool %s uses %s\n", a.node, pool, a.weights(pool))
		a.waiting(b, pool)
	})
}

// Reload has all hubs that are running read their configuration anew.
func (o Models) Reload(ctx context.Context) error {
	all, _, err := o.order(ctx, records.OrderReload)
	if err != nil {
		return err
	}
	return o.print(all, func(b *strings.Builder, a answer) {
		fmt.Fprintf(b, "%s: models reloaded\n", a.node)
		for _, path := range a.Restart {
			fmt.Fprintf(b, "  %s has changed, and needs a restart\n", path)
		}
		a.waiting(b, "")
	})
}

// order gives an order and waits for the answers of all hubs. It gives the switches too that
// hold then.
func (o Models) order(ctx context.Context, what records.What, switches ...records.Switch) (all []answer, kept []records.Switch, err error) {
	s, err := o.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	nodes, err := o.nodes(ctx)
	if err != nil {
		return nil, nil, err
	}
	why := operator()
	if u, err := user.Current(); err == nil {
		why.Actor += " " + u.Username
	}
	id, err := s.Order(ctx, why, what, switches...)
	if err != nil {
		return nil, nil, err
	}
	if all, err = await(ctx, s, id, nodes); err != nil {
		if len(switches) > 0 {
			err = fmt.Errorf("%w; what was chosen is kept, and holds from the next start on", err)
		}
		return nil, nil, err
	}
	kept, err = s.Switches(ctx)
	return all, kept, err
}

// open opens the records beside the hubs that have them open.
func (o Models) open(ctx context.Context) (*records.SQL, error) {
	if !o.Config.Postgres.URL.IsZero() {
		return records.OpenPostgres(ctx, records.PostgresOptions{URL: o.Config.Postgres.URL})
	}
	s, there, err := records.OpenBeside(ctx, filepath.Join(o.Config.DataDir, recordsFile))
	if err == nil && !there {
		err = fault.New(fault.NeedsHuman, "models", errNoHub)
	}
	return s, err
}

// nodes are the hubs that should answer.
func (o Models) nodes(ctx context.Context) ([]string, error) {
	if o.Config.Redis.URL.IsZero() {
		return []string{""}, nil
	}
	e, err := openRedis(ctx, o.Config, zerolog.Nop())
	if err != nil {
		return nil, err
	}
	members, err := e.Members(ctx)
	var all []string
	for _, m := range members {
		all = append(all, m.ID)
	}
	return all, errors.Join(err, e.Close()) //nolint:contextcheck // it ends what was opened, whatever became of ctx
}

// await waits until all nodes have answered, and no longer than they should need.
func await(ctx context.Context, s records.Orders, id int64, nodes []string) ([]answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	look := time.NewTicker(answerLook)
	defer look.Stop()
	var reports []records.Report
	late := false
	for !late {
		found, err := s.Reports(ctx, id)
		switch {
		case ctx.Err() != nil:
			late = true
			continue
		case err != nil:
			return nil, err
		}
		if reports = found; len(missing(nodes, reports)) == 0 {
			break
		}
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
	if len(reports) == 0 {
		return nil, errNoHub
	}
	var all []answer
	for _, r := range reports {
		a := answer{node: cmp.Or(r.Node, "the hub")}
		if err := json.Unmarshal([]byte(r.Body), &a.report); err != nil {
			return nil, fault.New(fault.NeedsHuman, "models", fmt.Errorf("a hub of another version answered: %w", err))
		}
		all = append(all, a)
	}
	for _, node := range missing(nodes, reports) {
		all = append(all, answer{node, report{Err: "did not answer in time; it does it when it can"}})
	}
	return all, nil
}

// missing are the nodes that have not answered.
func missing(nodes []string, reports []records.Report) []string {
	return slices.DeleteFunc(slices.Clone(nodes), func(node string) bool {
		return slices.ContainsFunc(reports, func(r records.Report) bool { return r.Node == node })
	})
}

// print shows what each hub answered, and fails where one did not do it.
func (o Models) print(all []answer, show func(b *strings.Builder, a answer)) error {
	var b strings.Builder
	var failed []error
	for _, a := range all {
		if a.Err != "" {
			failed = append(failed, fmt.Errorf("%s: %s", a.node, a.Err))
			continue
		}
		show(&b, a)
	}
	_, err := io.WriteString(o.Out, b.String())
	return errors.Join(append(failed, err)...)
}
