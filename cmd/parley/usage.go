package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-hub/parley/internal/app"
)

// usageFlags are those of the command usage.
type usageFlags struct {
	since, until string
	by           []string
	json         bool
}

// usage makes the command usage.
func (c *commands) usage() *cobra.Command {
	var f usageFlags
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Show what the model workers did, for whom, and what it cost",
		Long: "Sums up the ledger of usage in the records. Answers that were served are charged to who asked; what retries, hedges and " +
			"readers who left came to is shown as waste, under accounts of its own. Days are those of UTC. The hub may be running.",
		Args: noArgs,
		RunE: usageCommand{c, &f}.run,
	}
	cmd.Flags().StringVar(&f.since, "since", "", "the first day, such as 2026-11-01 (default: from the beginning)")
	cmd.Flags().StringVar(&f.until, "until", "", "the day behind the last one")
	cmd.Flags().StringSliceVar(&f.by, "by", nil, "what to sum up by, one or more of: "+strings.Join(app.UsageKeys(), ", "))
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON, one object a line, with money in millionths of the currency")
	return cmd
}

// usageCommand is the command with its flags.
type usageCommand struct {
	*commands
	flags *usageFlags
}

func (c usageCommand) run(cmd *cobra.Command, _ []string) error {
	q, err := c.flags.question()
	if err != nil {
		return usageError{err}
	}
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	return app.Usage(cmd.Context(), c.out, cfg, q)
}

func (f usageFlags) question() (app.UsageQuestion, error) {
	q := app.UsageQuestion{By: f.by, JSON: f.json}
	for _, day := range []struct {
		flag, text string
		into       *time.Time
	}{{"since", f.since, &q.Since}, {"until", f.until, &q.Until}} {
		if day.text == "" {
			continue
		}
		var err error
		if *day.into, err = time.Parse(time.DateOnly, day.text); err != nil {
			return q, fmt.Errorf("--%s is a day such as 2026-11-01, not %q", day.flag, day.text)
		}
	}
	for i, key := range f.by {
		if !slices.Contains(app.UsageKeys(), key) {
			return q, fmt.Errorf("--by is one or more of %s, not %q", strings.Join(app.UsageKeys(), ", "), key)
		}
		if slices.Contains(f.by[:i], key) {
			return q, fmt.Errorf("--by names %s twice", key)
		}
	}
	return q, nil
}
