package app

import (
	"context"
	"os/exec"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/internal/jail"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/mcp"
)

// makeServers takes the tools of the MCP servers as skills. One that cannot be reached is told
// and tried again.
func (a *App) makeServers(ctx context.Context) error {
	if len(a.cfg.Skills.MCP) == 0 {
		return nil
	}
	o := mcp.Options{
		Command: startServer, Log: a.room("mcp"), Observe: a.telemetry.Server, Version: a.o.Version,
		Publish: func(all []*mcp.Skill) error { return a.outside.publish(fromServers, asSkills(all)) },
	}
	for _, s := range a.cfg.Skills.MCP {
		o.Servers = append(o.Servers, mcp.Server{
			Name: s.Name, Command: s.Command, Env: s.Env, Trusted: s.Trusted, ReadOnly: s.ReadOnly, URL: s.URL, Headers: s.Headers,
			Timeout: s.Timeout, Tools: s.Tools, Dangerous: s.Dangerous, Safe: s.Safe,
			Roles: as[skills.Role](s.Roles), Places: as[core.Place](s.Places), Channels: as[core.Account](s.Channels),
		})
	}
	var err error
	if a.servers, err = mcp.New(o); err != nil {
		return err
	}
	a.closers = append(a.closers, a.servers.Close)
	a.servers.Load(ctx)
	return nil
}

// named stands for the skill of a server where no hub runs.
type named string

// Manifest implements skills.Skill.
func (n named) Manifest() skills.Manifest { return skills.Manifest{Name: string(n)} }

// Handle implements skills.Skill.
func (named) Handle(context.Context, *skills.Turn, skills.Writer) error { return nil }

// startServer starts an MCP server: in the jail of skills' programs, or as the hub itself runs.
func startServer(ctx context.Context, p mcp.Program) (*exec.Cmd, error) {
	if p.Trusted {
		return mcp.Plain(ctx, p)
	}
	cmd, _, err := jail.Command(ctx, jail.Options{Path: p.Path, Args: p.Args, Dir: p.Dir, Env: p.Env, ReadOnly: p.ReadOnly, Stdin: true})
	return cmd, err
}
