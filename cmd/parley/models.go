package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/parley-hub/parley/internal/app"
)

// models makes the commands about models. They reach the hubs that are running through
// their records.
func (c *commands) models() *cobra.Command {
	root := &cobra.Command{
		Use:   "models",
		Short: "Show the model pools of a running hub, and change them without a restart",
		Long: "Without more it lists the pools, their versions and workers as each running hub has them. All nodes of a hub are " +
			"reached, from any machine with its configuration.",
		Args: noArgs,
		RunE: c.showModels,
	}
	use := &cobra.Command{
		Use:   "use POOL VERSION[=WEIGHT]...",
		Short: "Give the versions of a pool other weights, at once and on all nodes",
		Long: "One version alone gets everything; several need weights, and those that are not named get none. A version gets its " +
			"weight as soon as one of its workers is ready; requests that were admitted before keep theirs. It holds, through restarts " +
			"too, until the configuration of the pool's weights changes, or with --configured.",
		RunE: c.useModels,
	}
	use.Flags().BoolVar(&c.configured, "configured", false, "go back to the configured weights")
	reload := &cobra.Command{
		Use:   "reload",
		Short: "Have the running hubs read the models of their configuration anew",
		Long: "Each node reads its own configuration file, as on SIGHUP, and takes the section models; what else has changed is told, " +
			"and needs a restart. A file with problems changes nothing.",
		Args: noArgs,
		RunE: c.reloadModels,
	}
	root.AddCommand(use, reload)
	return root
}

func (c *commands) showModels(cmd *cobra.Command, _ []string) error {
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	return app.Models{Config: cfg, Out: c.out}.Show(cmd.Context())
}

func (c *commands) useModels(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || (len(args) == 1) != c.configured {
		return usageError{errors.New("models use takes a pool and versions of it, or a pool and --configured")}
	}
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	err = app.Models{Config: cfg, Out: c.out}.Use(cmd.Context(), args[0], args[1:])
	if errors.Is(err, app.ErrModels) {
		return usageError{err}
	}
	return err
}

// reloadModels reads the configuration itself at first, so that its problems are told before
// anybody is asked.
func (c *commands) reloadModels(cmd *cobra.Command, _ []string) error {
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	return app.Models{Config: cfg, Out: c.out}.Reload(cmd.Context())
}
