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
		Short: "Make, try, test, sign, install and list skills: programs of their own, and folders with a SKILL.md",
		Long: "Where PATH is asked for, it is a program, or a folder with the Go source of one, which is built. A folder with a SKILL.md is " +
			"taken as it is by install, list, info, sign and remove.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("skill has no command %q; see parley skill --help", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
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
	root.AddCommand(begin, list, c.signSkills(),
		c.skillCommand("key FILE", "Make a key to sign skills with, or show the public half of one", func(_ *cobra.Command, file string) error {
			return app.SkillKey(c.out, file)
		}),
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

// signSkills is the command skill sign.
func (c *commands) signSkills() *cobra.Command {
	var keyFile string
	sign := &cobra.Command{
		Use:   "sign NAME... --key FILE",
		Short: "Sign skills, for hubs whose skills.allow names the key",
		Long: "Writes the signature of each program, or folder with a SKILL.md, beside it, as NAME.sig. A name is that of a file, or of a " +
			"skill in the skills' folder. The key is one that parley skill key made, or any Ed25519 key in PEM (PKCS #8).",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usageError{errors.New("skill sign needs the name of a skill")}
			case keyFile == "":
				return usageError{errors.New("skill sign needs --key FILE; parley skill key FILE makes one")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, names []string) error {
			cfg, _, err := c.load()
			if err != nil {
				return err
			}
			return skillUsage(app.SignSkills(c.out, cfg, names, keyFile))
		},
	}
	sign.Flags().StringVar(&keyFile, "key", "", "the file of the private key")
	return sign
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
	if errors.Is(err, app.ErrNoFolder) || errors.Is(err, app.ErrSkillName) || errors.Is(err, app.ErrSource) {
		return usageError{err}
	}
	return err
}
