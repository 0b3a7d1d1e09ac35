package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin"
	"github.com/parley-hub/parley/skills/prompts"
)

// maxEnvelope bounds an envelope file.
const maxEnvelope = 1 << 20

// Explain prints who says the envelopes in files, whose memory each would meet, which rule
// and skill, and what each rule before it said. It touches nothing but the programs in the
// skills' folder, which run meanwhile, the workers of models.intents where a skill's
// examples decide, and the records, which it reads; the hub may be running. asked names a skill whose
// question is to wait for the person; empty for none.
func Explain(ctx context.Context, out io.Writer, cfg *configs.Config, files []string, asked string) error {
	return withSkills(ctx, cfg, func(set *skills.Set, refused []error) error {
		for _, err := range refused {
			if _, err := fmt.Fprintln(out, "not taken:", err); err != nil {
				return err
			}
		}
		table, err := newTable(cfg, set)
		if err != nil {
			return errors.Join(append([]error{err}, refused...)...)
		}
		for _, file := range files {
			if err := explainFile(ctx, out, cfg, set, table, file, asked); err != nil {
				return err
			}
		}
		return nil
	})
}

func explainFile(ctx context.Context, out io.Writer, cfg *configs.Config, set *skills.Set, table *router.Table, file, asked string) error {
	data, err := readBounded(file, maxEnvelope)
	if err != nil {
		return err
	}
	e, err := core.DecodeEnvelope(data)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	s, err := session.Load(nil, nil, nil)
	if err != nil {
		return err
	}
	if asked != "" {
		s.Ask(e.In, e.From, session.Asked{Skill: asked, Until: e.SentAt})
	}
	who, err := whose(ctx, cfg, e)
	if err != nil {
		return err
	}
	var meaning router.Meaning
	if r := table.Route(e, s, meaning); r.Unweighed {
		meaning = weighOnce(ctx, cfg, set, e, r.Role)
	}
	route, steps := table.Explain(e, s, meaning)
	_, err = io.WriteString(out, explanation(file, e, who, route, steps))
	return err
}

// withSkills calls do with all skills that a hub of this configuration would have; those of MCP
// servers by their names alone. The programs in the skills' folder run until do returned;
// refused tells which would not be taken, and why. Nothing else is started.
func withSkills(ctx context.Context, cfg *configs.Config, do func(set *skills.Set, refused []error) error) (failed error) {
	set, err := skills.NewSet(builtin(parts{config: cfg, models: &models.Registry{}, real: &models.Registry{}})...)
	if err != nil {
		return err
	}
	before := set.All()
	beside := func(more []skills.Skill) error {
		with, err := skills.NewSet(slices.Concat(before, more)...)
		if err == nil {
			set = with
		}
		return err
	}
	var refused []error
	if dir := cfg.Skills.Folder; dir != "" {
		folder, err := plugin.New(plugin.Options{
			Dir: dir, Allow: allowed(cfg), Command: jailed(cfg.Skills.Limits).start, Log: zerolog.Nop(),
			Publish: func(programs []*plugin.Skill) error { return beside(asSkills(programs)) },
		})
		if err != nil {
			return err
		}
		defer func() { failed = errors.Join(failed, folder.Close()) }()
		refused = folder.Load(ctx)
		if err := ctx.Err(); err != nil {
			return err
		}
		before = set.All()
		refused = append(refused, prompts.New(prompts.Options{
			Dir: dir, Allow: allowed(cfg).Check, Talk: func(*prompts.Skill) skills.Handler { return nil }, Log: zerolog.Nop(),
			Publish: func(list []*prompts.Skill) error { return beside(asSkills(list)) },
		}).Load(ctx)...)
	}
	for _, s := range cfg.Skills.MCP {
		before = set.All()
		if err := beside([]skills.Skill{named(s.Name)}); err != nil {
			refused = append(refused, fmt.Errorf("skills.mcp: %w", err))
		}
	}
	return do(set, refused)
}

// whose tells the person behind an envelope and the memory that it meets.
func whose(ctx context.Context, cfg *configs.Config, e core.Envelope) (string, error) {
	all, err := readLinks(ctx, cfg)
	if err != nil {
		return "", err
	}
	person, others := e.From.Person(), -1
	for _, l := range all {
		if l.Base() == e.From.Person() {
			person = l.Person
		}
	}
	for _, l := range all {
		if l.Person == person {
			others++
		}
	}
	linked := "not linked"
	if others > 0 {
		linked = fmt.Sprintf("linked with %d more", others)
	}
	k := cfg.Memories().KeyOf(e.In, e.From, person)
	memory := string(k.Scope) + " " + k.Owner
	if k.Account != "" {
		memory += " on " + string(k.Account)
	}
	if k.Thread != "" {
		memory += ", thread " + string(k.Thread)
	}
	return fmt.Sprintf("  person %s (%s)\n  memory of %s\n", person, linked, memory), nil
}

func readLinks(ctx context.Context, cfg *configs.Config) ([]records.Link, error) {
	if !cfg.Postgres.URL.IsZero() {
		return records.ReadPostgresLinks(ctx, records.PostgresOptions{URL: cfg.Postgres.URL})
	}
	return records.ReadLinks(ctx, filepath.Join(cfg.DataDir, recordsFile))
}

func explanation(file string, e core.Envelope, who string, route router.Route, steps []router.Step) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s in %s, channel %s\n%s", file, e.Kind, e.In.Place, e.In.Account, who)
	width := 0
	for _, step := range steps {
		width = max(width, len(step.Rule))
	}
	for _, step := range steps {
		mark := "no "
		if step.Matched {
			mark = "YES"
		}
		fmt.Fprintf(&b, "  %s  %-*s  %s\n", mark, width, step.Rule, step.Because)
	}
	switch {
	case route.Ignore:
		fmt.Fprintf(&b, "  => nobody answers (rule %s)\n", route.Rule)
	case route.Refused:
		fmt.Fprintf(&b, "  => the person is told that the bot is not open to them (rule %s)\n", route.Rule)
	case route.Model != "":
		fmt.Fprintf(&b, "  => skill %s with model %s (rule %s, role %s)\n", route.Skill, route.Model, route.Told(), route.Role)
	default:
		fmt.Fprintf(&b, "  => skill %s (rule %s, role %s)\n", route.Skill, route.Told(), route.Role)
	}
	return b.String()
}

func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file) //nolint:gosec // the operator names the file on the command line
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
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
// makes of each kind of content. It makes no call; the programs in the skills' folder run
// meanwhile. The error tells the programs that a hub would not take, and routes to skills
// that are not there.
func Check(ctx context.Context, out io.Writer, cfg *configs.Config, file string) error {
	var b strings.Builder
	if file == "" {
		file = "no file, the built-in defaults"
	}
	fmt.Fprintf(&b, "configuration is fine (%s)\n", file)
	fmt.Fprintf(&b, "data in %s, listening on %s\n", cfg.DataDir, cfg.HTTP.Listen)
	if len(cfg.Channels) == 0 {
		fmt.Fprintln(&b, "no channels: the playground would start")
	}
	byPlatform := map[string]adapters.Factory{}
	for _, f := range Factories() {
		byPlatform[f.Platform()] = f
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Channels)) {
		channel := cfg.Channels[name]
		a, err := byPlatform[channel.Platform].New(adapters.Settings{
			Account: name, Config: channel.Config, PublicURL: webhookURL(cfg, name),
		})
		if err != nil {
			return err
		}
		about := a.Describe()
		fmt.Fprintf(&b, "channel %s: %s, mode %s\n", name, about.Platform, about.Mode)
		writeLevels(&b, "in", about.Capabilities.Support.In)
		writeLevels(&b, "out", about.Capabilities.Support.Out)
	}
	if len(cfg.Models.Pools) == 0 {
		fmt.Fprintln(&b, "no model pools: a worker at the usual local addresses is used if one answers, else the offline model")
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Models.Pools)) {
		for _, v := range cfg.Models.Pools[name].All() {
			fmt.Fprintf(&b, "models %s: %s on %d workers\n", name, v.Model, len(v.Workers))
		}
	}
	fmt.Fprintf(&b, "%d routes of your own\n", len(cfg.Routes))
	return withSkills(ctx, cfg, func(set *skills.Set, refused []error) error {
		_, err := newTable(cfg, set)
		if err := errors.Join(append(append(refused, err), speechless(cfg, set)...)...); err != nil {
			return err
		}
		writeFolder(&b, cfg, set)
		_, err = io.WriteString(out, b.String())
		return err
	})
}

// writeFolder lists the skills of the folder.
func writeFolder(b *strings.Builder, cfg *configs.Config, set *skills.Set) {
	for _, s := range set.All() {
		var file string
		switch s := s.(type) {
		case *plugin.Skill:
			file = s.File()
		case *prompts.Skill:
			file = filepath.Join(s.Manifest().Name, "SKILL.md")
		default:
			continue
		}
		fmt.Fprintf(b, "skill %s: %s\n", titled(s.Manifest()), filepath.Join(cfg.Skills.Folder, file))
	}
}

// titled is a skill's name, with its version where it has one.
func titled(m skills.Manifest) string { return strings.TrimSpace(m.Name + " " + m.Version) }

// writeLevels lists what becomes of the features in one direction.
func writeLevels(b *strings.Builder, direction string, l adapters.Levels) {
	for _, level := range []struct {
		name     string
		features []adapters.Feature
	}{{"as it is", l.Native}, {"rendered", l.Rendered}, {"not", l.Unsupported}} {
		if len(level.features) == 0 {
			continue
		}
		names := make([]string, len(level.features))
		for i, f := range level.features {
			names[i] = string(f)
		}
		fmt.Fprintf(b, "  %-3s %-9s %s\n", direction, level.name+":", strings.Join(names, ", "))
	}
}
