package app

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills/status"
)

// maxEnvelope bounds an envelope file.
const maxEnvelope = 1 << 20

// Explain prints which rule and skill the envelope in a file would meet, and what
// each rule before it said. It touches nothing.
func Explain(out io.Writer, cfg *configs.Config, file string) error {
	data, err := readBounded(file, maxEnvelope)
	if err != nil {
		return err
	}
	e, err := core.DecodeEnvelope(data)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	set, err := newSet(parts{config: cfg, models: &models.Registry{}, status: status.Source(nil)})
	if err != nil {
		return err
	}
	table, err := newTable(cfg, set)
	if err != nil {
		return err
	}
	s, err := session.Load(nil, nil)
	if err != nil {
		return err
	}
	route, steps := table.Explain(e, s)
	fmt.Fprintf(out, "%s: %s in %s, channel %s\n", file, e.Kind, e.In.Place, e.In.Account)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, step := range steps {
		mark := "no "
		if step.Matched {
			mark = "YES"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", mark, step.Rule, step.Because)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	switch {
	case route.Ignore:
		fmt.Fprintf(out, "  => nobody answers (rule %s)\n", route.Rule)
	case route.Refused:
		fmt.Fprintf(out, "  => the person is told that the bot is not open to them (rule %s)\n", route.Rule)
	default:
		fmt.Fprintf(out, "  => skill %s (rule %s, role %s", route.Skill, route.Rule, route.Role)
		if route.Model != "" {
			fmt.Fprintf(out, ", model %s", route.Model)
		}
		fmt.Fprintln(out, ")")
	}
	return nil
}

func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names the file on the command line
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: larger than %d bytes", file, limit)
	}
	return data, nil
}

// Check prints what a valid configuration would start, and what each platform
// makes of each kind of content. It makes no call.
func Check(out io.Writer, cfg *configs.Config, file string) error {
	if file == "" {
		file = "no file, the built-in defaults"
	}
	fmt.Fprintf(out, "configuration is fine (%s)\n", file)
	fmt.Fprintf(out, "data in %s, listening on %s\n", cfg.DataDir, cfg.HTTP.Listen)
	if len(cfg.Channels) == 0 {
		fmt.Fprintln(out, "no channels: the playground would start")
	}
	byPlatform := map[string]adapters.Factory{}
	for _, f := range Factories() {
		byPlatform[f.Platform()] = f
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Channels)) {
		channel := cfg.Channels[name]
		a, err := byPlatform[channel.Platform].New(adapters.Settings{Account: name, Config: channel.Config})
		if err != nil {
			return err
		}
		about := a.Describe()
		fmt.Fprintf(out, "channel %s: %s, mode %s\n", name, about.Platform, about.Mode)
		for _, kind := range slices.Sorted(maps.Keys(about.Capabilities.Support)) {
			fmt.Fprintf(out, "  %-12s %s\n", kind, about.Capabilities.Support[kind])
		}
	}
	if len(cfg.Models.Pools) == 0 {
		fmt.Fprintln(out, "no model pools: a worker at the usual local addresses is used if one answers, else the offline model")
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Models.Pools)) {
		p := cfg.Models.Pools[name]
		fmt.Fprintf(out, "models %s: %s on %d workers\n", name, p.Model, len(p.Workers))
	}
	fmt.Fprintf(out, "%d routes of your own\n", len(cfg.Routes))
	return nil
}
