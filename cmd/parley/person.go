package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/internal/app"
)

// person makes the commands about people. Each takes accounts as REALM:USER, the way
// /whoami shows them and the configuration spells them.
func (c *commands) person() *cobra.Command {
	root := &cobra.Command{
		Use:   "person",
		Short: "Link, unlink, show, tell, export or erase people",
		Long: "Accounts are spelled REALM:USER, such as telegram:123456; /whoami shows people their own. " +
			"A hub that keeps everything in its data folder must not be running.",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("person needs one of: link, unlink, accounts, send, export, erase")}
		},
	}
	add := func(use, short string, accounts int, do personDo) *cobra.Command {
		cmd := &cobra.Command{Use: use, Short: short, RunE: personCommand{c, accounts, do}.run}
		root.AddCommand(cmd)
		return cmd
	}
	add("link REALM:USER REALM:USER", "Make the second account's person part of the first one's", 2,
		func(ctx context.Context, p app.Person, who []configs.Person) error {
			return p.Link(ctx, who[0], who[1])
		})
	add("unlink REALM:USER", "Make an account a person of its own again", 1,
		func(ctx context.Context, p app.Person, who []configs.Person) error { return p.Unlink(ctx, who[0]) })
	add("accounts REALM:USER", "Show the accounts of a person, and where to reach them", 1,
		func(ctx context.Context, p app.Person, who []configs.Person) error { return p.Accounts(ctx, who[0]) })
	send := &cobra.Command{Use: "send REALM:USER TEXT", Short: "Tell a person something they did not ask for, where they can be reached", RunE: c.personSend}
	send.Flags().StringVar(&c.to, "to", app.ToPreferred, "where: last (where they wrote last), preferred (as they said with /reach_me_on) or all (each of their accounts)")
	root.AddCommand(send)
	add("export REALM:USER", "Write all that the records keep of a person, as JSON lines", 1,
		func(ctx context.Context, p app.Person, who []configs.Person) error { return p.Export(ctx, who[0]) })
	erase := add("erase REALM:USER", "Erase all that is kept of a person, on all their accounts", 1,
		func(ctx context.Context, p app.Person, who []configs.Person) error {
			return p.Erase(ctx, who[0], c.unlink)
		})
	erase.Flags().BoolVar(&c.unlink, "unlink", false, "take the person's links away too")
	return root
}

func (c *commands) personSend(cmd *cobra.Command, args []string) error {
	if len(args) != 2 || strings.TrimSpace(args[1]) == "" {
		return usageError{errors.New("person send takes an account as REALM:USER, and a text in quotes")}
	}
	if !slices.Contains([]string{app.ToLast, app.ToPreferred, app.ToAll}, c.to) {
		return usageError{fmt.Errorf("--to is last, preferred or all, not %q", c.to)}
	}
	var who configs.Person
	if err := who.UnmarshalText([]byte(args[0])); err != nil {
		return usageError{fmt.Errorf("%q %w", args[0], err)}
	}
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	return app.Person{Config: cfg, Out: c.out}.Send(cmd.Context(), who, args[1], c.to)
}

// personDo is what a command about people does with the accounts it was given.
type personDo func(ctx context.Context, p app.Person, who []configs.Person) error

// personCommand is one command about people.
type personCommand struct {
	*commands
	accounts int
	do       personDo
}

func (c personCommand) run(cmd *cobra.Command, args []string) error {
	if len(args) != c.accounts {
		return usageError{fmt.Errorf("person %s takes %d accounts as REALM:USER, got %d", cmd.Name(), c.accounts, len(args))}
	}
	who := make([]configs.Person, len(args))
	for i, arg := range args {
		if err := who[i].UnmarshalText([]byte(arg)); err != nil {
			return usageError{fmt.Errorf("%q %w", arg, err)}
		}
	}
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	return c.do(cmd.Context(), app.Person{Config: cfg, Out: c.out}, who)
}
