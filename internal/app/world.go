package app

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/world"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/storage"
	"github.com/parley-hub/parley/storage/redisstore"
	"github.com/parley-hub/parley/storage/sqlitestore"
)

// skillsFile is the file of what skills keep, in the data folder of a hub alone.
const skillsFile = "skills.db"

// openStorage opens what skills keep things in: Redis where there is one, else a file.
func (s *stores) openStorage(ctx context.Context, cfg *configs.Config) error {
	if r := cfg.Redis; !r.URL.IsZero() {
		certificates, err := r.TLS()
		if err != nil {
			return err
		}
		engine, err := redisstore.Open(redisstore.Options{
			URL: r.URL, SentinelUser: r.SentinelUser, SentinelPassword: r.SentinelPassword, TLS: certificates, Prefix: r.Prefix,
		})
		if err != nil {
			return err
		}
		s.storage, s.closers = engine, append(s.closers, engine.Close)
		return nil
	}
	if err := s.lockOnce(cfg); err != nil {
		return err
	}
	engine, err := sqlitestore.Open(ctx, filepath.Join(cfg.DataDir, skillsFile))
	if err != nil {
		return err
	}
	s.storage, s.closers = engine, append(s.closers, engine.Close)
	return nil
}

// makeWorld makes what skills reach beyond their conversations.
func (a *App) makeWorld() {
	known := map[string]bool{}
	for _, s := range a.set.Load().All() {
		known[s.Manifest().Name] = true
	}
	for name := range a.cfg.Skills.Secrets {
		if !known[name] {
			a.log.Warn().Str("skill", name).Msg("skills.secrets names a skill that is not there")
		}
	}
	secrets := a.cfg.Skills.Secrets
	if secrets == nil {
		secrets = map[string]map[string]secret.String{}
	}
	a.world = world.New(world.Options{
		Models: a.registry, Store: a.storage, Secrets: secrets, Observer: a.observer, Now: time.Now,
		Reach: func(ctx context.Context, person core.PersonID) ([]session.Address, error) {
			addresses, wish, err := a.people.table.Reachable(ctx, person)
			if err != nil {
				return nil, err
			}
			mine := func(at session.Address) bool { _, ok := a.cfg.Channels[at.In.Account]; return !ok }
			return wish.Of(slices.DeleteFunc(slices.Clone(addresses), mine)), nil
		},
		At: func(ctx context.Context, person core.PersonID, in core.Conversation, base core.PersonID) (bool, error) {
			addresses, _, err := a.people.table.Reachable(ctx, person)
			return slices.ContainsFunc(addresses, func(at session.Address) bool { return at.In == in && at.Base == base }), err
		},
	})
	a.closers = append(a.closers, a.world.Close)
}

// moveStored makes what skills keep of somebody the person's who they are now, where nobody
// is the one they were any more.
func (p *persons) moveStored(ctx context.Context, was, now core.PersonID) error {
	if was == now || was == "" || now == "" {
		return nil
	}
	lives, err := p.directory.Lives(ctx, was)
	if err != nil || lives {
		return err
	}
	return p.storage.Move(ctx, was, now)
}

// forgetStored erases what skills keep of people.
func (p *persons) forgetStored(ctx context.Context, people []core.PersonID) error {
	for _, person := range people {
		if _, err := p.storage.Forget(ctx, person); err != nil {
			return err
		}
	}
	return nil
}

// exportStored gives what skills keep of a person.
func (p *persons) exportStored(ctx context.Context, person core.PersonID, each func(storage.Entry) error) error {
	return p.storage.Export(ctx, person, each)
}
