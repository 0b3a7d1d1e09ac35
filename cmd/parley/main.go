// Command parley is the hub: one bot on every chat app.
//
//	parley serve     run the hub (the default)
//	parley check     read the configuration and report every problem
//	parley doctor    look at everything the hub stands on, and say what a crash could lose
//	parley explain   show which rule and skill an envelope would meet, and why
//	parley pair      link an account by a code that its phone scans
//	parley replay    list the dead letters, put some back or drop them
//	parley person    link, unlink, show, tell, export or erase people
//	parley status    show the nodes of a hub on Redis, what each holds, and what waits
//	parley models    list model pools and workers, switch versions, reload the configuration
//	parley usage     show what the model workers did, for whom, and what it cost
//	parley skill     make, try, test, sign, install and list skills: programs, and folders with a SKILL.md
//	parley version   say which build this is
//
// Exit codes: 0 all is well, 1 something failed, 2 the command line or the
// configuration is wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/internal/app"
	"github.com/parley-hub/parley/internal/jail"
)

// version is set by the linker.
var version = "dev"

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	// This process may be the launcher of a skill's program, which never comes back.
	jail.Main()
	if os.Getenv("GOGC") == "" {
		// The hub holds little and allocates much for each message: collecting half as
		// often costs a few megabytes.
		debug.SetGCPercent(200)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal drains, the second ends at once: NotifyContext gives signals
	// their default effect back as soon as stop was called.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// usageError is a mistake of the caller's: exit code 2.
type usageError struct{ error }

func run(ctx context.Context, args, env []string, out, errOut io.Writer) int {
	c := &commands{env: env, out: out, errOut: errOut}
	root := c.root() //nolint:contextcheck // a command has the context that ExecuteContext gives it
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	var problems *configs.Problems
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &problems), errors.As(err, &usage):
		_, _ = fmt.Fprintln(errOut, err)
		return exitUsage
	default:
		_, _ = fmt.Fprintln(errOut, "parley:", err)
		return exitFailed
	}
}

// commands holds what all commands share.
type commands struct {
	env         []string
	out, errOut io.Writer
	file        string
	// drop is replay's flag, text pair's, unlink that of person erase, to that of person
	// send, configured that of models use, asked explain's.
	drop, text, unlink, configured bool
	to, asked                      string
}

func (c *commands) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "parley",
		Short:         "One bot on every chat app",
		Long:          "Parley puts one bot on every chat app. Without a configuration it starts a playground.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          c.serve,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().StringVar(&c.file, "config", "", "configuration file (default: ./parley.yaml if there, else the playground)")
	serve := &cobra.Command{Use: "serve", Short: "Run the hub", Args: noArgs, RunE: c.serve}
	check := &cobra.Command{Use: "check", Short: "Read the configuration and report every problem", Args: noArgs, RunE: c.check}
	explain := &cobra.Command{
		Use:   "explain ENVELOPE.json...",
		Short: "Show which rule and skill an envelope would meet, and why",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("explain needs at least one envelope file")}
			}
			return nil
		},
		RunE: c.explain,
	}
	explain.Flags().StringVar(&c.asked, "asked", "", "as if this skill had asked the person something; what really waits is in the memory, which is not read")
	replay := &cobra.Command{
		Use:   "replay [ID...]",
		Short: "List the dead letters, or put those named back to be handled again",
		Long: "Without an ID it lists what could not be handled, and why. With IDs it puts those back at the end of " +
			"their mailboxes, or drops them. A hub that keeps everything in its data folder must not be running.",
		RunE: c.replay,
	}
	replay.Flags().BoolVar(&c.drop, "drop", false, "drop the letters for good instead")
	pair := &cobra.Command{
		Use:   "pair ACCOUNT",
		Short: "Link an account by a code that its phone scans",
		Long: "Shows QR codes in the terminal, each until it expires, for the phone of the account to scan. The hub may be running " +
			"on the same data. It is for accounts that are linked devices, such as WhatsApp with mode: web.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("pair needs the name of one account")}
			}
			return nil
		},
		RunE: c.pair,
	}
	pair.Flags().BoolVar(&c.text, "text", false, "print what the codes hold, one in a line, instead of drawing them")
	ver := &cobra.Command{Use: "version", Short: "Say which build this is", Args: noArgs, RunE: func(*cobra.Command, []string) error {
		_, err := fmt.Fprintln(c.out, "parley", version)
		return err
	}}
	root.AddCommand(serve, check, c.lookAtAll(), explain, pair, replay, c.person(), c.nodes(), c.models(), c.usage(), c.skill(), ver)
	return root
}

// lookAtAll is the command doctor.
func (c *commands) lookAtAll() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look at everything the hub stands on, and say what a crash could lose",
		Long: "Looks at the data folder, Redis, PostgreSQL, the place of files and the model workers, and says what is well, what is " +
			"not, and what a crash could lose with their present settings. It changes nothing; the hub may be running.",
		Args: noArgs,
		RunE: c.doctor,
	}
}

// nodes is the command status.
func (c *commands) nodes() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the nodes of a hub on Redis, what each holds, and what waits",
		Args:  noArgs,
		RunE:  c.status,
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, got %q; see parley --help", cmd.Name(), args[0])}
	}
	return nil
}

// load reads the configuration: the named file, else ./parley.yaml if it is there,
// else the defaults with the environment's overrides.
func (c *commands) load() (*configs.Config, string, error) {
	path := c.file
	if path == "" {
		if _, err := os.Stat("parley.yaml"); err == nil {
			path = "parley.yaml"
		}
	} else if _, err := os.Stat(path); err != nil {
		return nil, "", usageError{fmt.Errorf("configuration: %w", err)}
	}
	cfg, warnings, err := configs.Load(configs.Source{Path: path, Env: c.env, Factories: app.Factories()})
	for _, w := range warnings {
		_, _ = fmt.Fprintln(c.errOut, "warning:", w)
	}
	return cfg, path, err
}

func (c *commands) serve(cmd *cobra.Command, _ []string) error {
	cfg, path, err := c.load()
	if err != nil {
		return err
	}
	o := app.Options{Config: cfg, File: path, Version: version, Log: c.errOut}
	if path != "" { // else there is nothing to reload, and a terminal that closes ends the hub
		hangup := make(chan os.Signal, 1)
		signal.Notify(hangup, syscall.SIGHUP)
		defer signal.Stop(hangup)
		o.Hangup, o.Reload = hangup, c.reload(path)
	}
	return app.Serve(cmd.Context(), o)
}

// reload reads the file again that the hub was started with.
func (c *commands) reload(path string) func() (*configs.Config, []configs.Warning, error) {
	return func() (*configs.Config, []configs.Warning, error) {
		if _, err := os.Stat(path); err != nil {
			return nil, nil, fmt.Errorf("configuration: %w", err)
		}
		return configs.Load(configs.Source{Path: path, Env: c.env, Factories: app.Factories()})
	}
}

func (c *commands) check(cmd *cobra.Command, _ []string) error {
	cfg, path, err := c.load()
	if err != nil {
		return err
	}
	return app.Check(cmd.Context(), c.out, cfg, path)
}

func (c *commands) doctor(cmd *cobra.Command, _ []string) error {
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	return app.Diagnose(cmd.Context(), c.out, cfg)
}

func (c *commands) status(cmd *cobra.Command, _ []string) error {
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	err = app.Status(cmd.Context(), c.out, cfg)
	if errors.Is(err, app.ErrNoNodes) {
		return usageError{err}
	}
	return err
}

func (c *commands) replay(cmd *cobra.Command, args []string) error {
	ids := make([]int64, 0, len(args))
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return usageError{fmt.Errorf("%q is no id of a dead letter; parley replay lists them", arg)}
		}
		ids = append(ids, id)
	}
	if c.drop && len(ids) == 0 {
		return usageError{errors.New("--drop needs the ids of the letters to drop")}
	}
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return app.ListLetters(cmd.Context(), c.out, cfg)
	}
	return app.ReplayLetters(cmd.Context(), c.out, cfg, ids, c.drop)
}

func (c *commands) pair(cmd *cobra.Command, args []string) error {
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	err = app.Pair(cmd.Context(), c.out, cfg, args[0], c.text)
	if errors.Is(err, app.ErrNotPairing) {
		return usageError{err}
	}
	return err
}

func (c *commands) explain(cmd *cobra.Command, args []string) error {
	cfg, _, err := c.load()
	if err != nil {
		return err
	}
	return app.Explain(cmd.Context(), c.out, cfg, args, c.asked)
}
