package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-hub/parley/internal/app"
)

// skill is the command skill, with its own.
func (c *commands) skill() *cobra.Command {
	root := &cobra.Command{
		Use:   "skill",
		Short: "Make, try, test, install and list skills that are programs of their own",
		Long:  "Where PATH is asked for, it is a program, or a folder with the Go source of one, which is built.",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var source string
	begin := c.skillCommand("new NAME", "Write a folder with a skill to begin with", func(cmd *cobra.Command, name string) error {
		if source == "" && !strings.HasPrefix(version, "v") {
			return usageError{errors.New("this build of parley is no release: name the folder of its source with --source")}
		}
		return app.NewSkill(cmd.Context(), c.out, name, source, version)
	})
	begin.Flags().StringVar(&source, "source", "", "the folder of Parley's own source, to build against instead of a release")
	list := &cobra.Command{Use: "list", Short: "Show what lies in the skills' folder", Args: noArgs, RunE: c.listSkills}
	root.AddCommand(begin, list,
		c.skillCommand("run PATH", "Play a skill in the terminal, without a hub", func(cmd *cobra.Command, path string) error {
			cfg, _, err := c.load()
			if err != nil {
				return err
			}
			return app.PlaySkill(cmd.Context(), cmd.InOrStdin(), c.out, c.errOut, cfg, path)
		}),
		c.skillCommand("test FOLDER", "Run the tests of a skill, with the contract suite over its program", func(cmd *cobra.Command, path string) error {
			return app.TestSkill(cmd.Context(), c.out, path)
		}),
		c.skillCommand("install PATH", "Put a skill into the skills' folder; a running hub takes it up", func(cmd *cobra.Command, path string) error {
			cfg, _, err := c.load()
			if err != nil {
				return err
			}
			return app.InstallSkill(cmd.Context(), c.out, cfg, path)
		}),
		c.skillCommand("remove NAME", "Take a skill out of the skills' folder", func(_ *cobra.Command, name string) error {
			cfg, _, err := c.load()
			if err != nil {
				return err
			}
			return app.RemoveSkill(c.out, cfg, name)
		}),
		c.skillCommand("info PATH", "Show what a skill says it is, and its checksum", func(cmd *cobra.Command, path string) error {
			cfg, _, err := c.load()
			if err != nil {
				return err
			}
			return app.SkillInfo(cmd.Context(), c.out, cfg, path)
		}))
	return root
}

func (c *commands) listSkills(cmd *cobra.Command, _ []string) error {
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	return skillUsage(app.ListSkills(cmd.Context(), c.out, cfg))
}

// skillCommand is one with one argument.
func (c *commands) skillCommand(use, short string, run func(cmd *cobra.Command, arg string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("skill %s takes one argument", use)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return skillUsage(run(cmd, args[0])) },
	}
}

// skillUsage makes mistakes of the caller what they are.
func skillUsage(err error) error {
	if errors.Is(err, app.ErrNoFolder) || errors.Is(err, app.ErrSkillName) {
		return usageError{err}
	}
	return err
}
