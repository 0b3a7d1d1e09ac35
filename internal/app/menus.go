package app

import (
	"context"
	"errors"
	"time"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// keepMenus puts the commands into the platforms' own menus, each account for
// itself, and tries again until it stands there; anew when the skills changed.
func (a *App) keepMenus(ctx context.Context) error {
	for {
		err := a.keepTheseMenus(ctx, a.menu())
		if !errors.Is(err, errMenusChanged) || ctx.Err() != nil {
			return err
		}
	}
}

// keepTheseMenus lasts until the menus change, which its error says.
func (a *App) keepTheseMenus(ctx context.Context, commands []adapters.MenuCommand) error {
	g := newGroup(ctx)
	g.run(a.outside.menusChange)
	for name, adapter := range a.adapters {
		if m, ok := adapter.(adapters.Menu); ok {
			g.run(func(ctx context.Context) error {
				a.keepMenu(ctx, name, m, commands)
				return nil
			})
		}
	}
	return g.wait()
}

func (a *App) keepMenu(ctx context.Context, name core.Account, m adapters.Menu, commands []adapters.MenuCommand) {
	backoff := adapters.Doubling(2*time.Second, 5*time.Minute)
	for attempt := 1; ; attempt++ {
		err := m.SetCommands(ctx, commands)
		if err == nil || ctx.Err() != nil {
			return
		}
		a.log.Warn().Err(err).Str("account", string(name)).Stringer("class", fault.ClassOf(err)).Msg("the command menu could not be set")
		select {
		case <-time.After(max(backoff(attempt), fault.Wait(err))):
		case <-ctx.Done():
			return
		}
	}
}

// menu lists the commands that everybody may use.
func (a *App) menu() []adapters.MenuCommand {
	var out []adapters.MenuCommand
	for _, m := range a.set.Load().For(skills.User, core.Private) {
		for _, c := range m.Commands {
			out = append(out, adapters.MenuCommand{Name: c.Name, Help: c.Help, Arguments: form(c)})
		}
	}
	return out
}

// form gives the arguments of a command as the platforms' forms ask for them.
func form(c skills.Command) []adapters.MenuArgument {
	schema := c.Schema()
	if schema == nil {
		return nil
	}
	var out []adapters.MenuArgument
	for _, a := range schema.Arguments() {
		out = append(out, adapters.MenuArgument{
			Name: a.Name, Kind: adapters.ArgumentKind(a.Kind), About: a.About, Required: a.Required,
			Choices: a.Choices, Minimum: a.Minimum, Maximum: a.Maximum, MinLength: a.MinLength, MaxLength: a.MaxLength,
		})
	}
	return out
}
