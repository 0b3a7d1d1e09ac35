// Package world is what skills reach beyond their conversations: HTTP, secrets, models,
// storage, other chats. All of it is held against the skill's manifest, whether the skill
// runs inside the hub or not; what the manifest does not name is refused and counted. What a
// program names (files, buttons, chats) is held against its turn as well.
package world

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/storage"
)

// Models finds the client of a pool by its name.
type Models interface {
	Client(name string) (models.Client, bool)
	// Default is the name of the default pool.
	Default() string
}

// Options make a Provider. All are required.
type Options struct {
	Models Models
	Store  storage.Store
	// Secrets are those of the configuration, by skill and name.
	Secrets map[string]map[string]secret.String
	// Reach gives the private chats where a person wants to be reached; none where they
	// never wrote in private.
	Reach func(ctx context.Context, person core.PersonID) ([]session.Address, error)
	// At tells whether a private chat is one of a person's, whose account there is base.
	At       func(ctx context.Context, person core.PersonID, in core.Conversation, base core.PersonID) (bool, error)
	Observer core.Observer
	Now      func() time.Time
}

// Provider gives skills their worlds. It is safe for concurrent use.
type Provider struct {
	o Options

	mu      sync.Mutex
	callers map[*caller]bool
}

// New makes a Provider.
func New(o Options) *Provider { return &Provider{o: o, callers: map[*caller]bool{}} }

// Close gives idle connections back. Calls under way go on.
func (p *Provider) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.callers {
		c.transport.CloseIdleConnections()
	}
	return nil
}

// Middleware gives each turn of a skill its world, and holds what the skill says elsewhere
// against its manifest: a turn that was refused there fails. release gives its connections
// back once it is not there any more and its last turn has ended.
func (p *Provider) Middleware(m skills.Manifest) (with skills.Middleware, release func()) {
	return p.middleware(m, false)
}

// Outside is Middleware for a skill that is a program of its own. Nothing that it names is
// taken from it: its buttons come back to it alone, its files are those of its turn, and
// the other chats are those of the person who speaks.
func (p *Provider) Outside(m skills.Manifest) (with skills.Middleware, release func()) {
	return p.middleware(m, true)
}

func (p *Provider) middleware(m skills.Manifest, outside bool) (skills.Middleware, func()) {
	c := newCaller(m.Permissions)
	p.mu.Lock()
	p.callers[c] = true
	p.mu.Unlock()
	release := func() {
		p.mu.Lock()
		delete(p.callers, c)
		p.mu.Unlock()
		c.release()
	}
	return func(next skills.Handler) skills.Handler {
		return skills.HandlerFunc(func(ctx context.Context, t *skills.Turn, w skills.Writer) error {
			c.enter()
			defer c.leave()
			guarded := &writer{Writer: w, ctx: ctx}
			one := &world{p: p, m: m, t: t, w: guarded, caller: c}
			guarded.world = one
			t.World = one
			if outside {
				guarded.own = newOwn(one)
				t.Files = guarded.own
			}
			if err := next.Handle(ctx, t, guarded); err != nil {
				return err
			}
			return guarded.refusal()
		})
	}, release
}

// world is that of one turn.
type world struct {
	p      *Provider
	m      skills.Manifest
	t      *skills.Turn
	w      *writer
	caller *caller
}

var _ skills.World = (*world)(nil)

// denied counts a refusal and gives its fault.
func (w *world) denied(permission skills.Permission, what string) error {
	err := skills.Denied(w.m.Name, permission, what, w.t.Envelope.From.Language)
	w.refused(permission, err)
	return err
}

func (w *world) refused(permission skills.Permission, err error) {
	e := w.t.Envelope
	w.p.o.Observer.Observe(core.Event{
		Stage: core.StageDenied, At: w.p.o.Now(), Trace: e.Trace, Account: e.In.Account, Kind: e.Kind,
		Skill: w.m.Name, Permission: string(permission), Err: err,
	})
	w.t.Log.Warn().Str("skill", w.m.Name).Str("permission", string(permission)).Msg("refused: the skill's manifest does not allow it")
}

// HTTP implements skills.World.
func (w *world) HTTP() skills.HTTP { return calls{w} }

// Secret implements skills.World.
func (w *world) Secret(name string) (secret.String, error) {
	if !w.m.Permissions.MayRead(name) {
		return secret.String{}, w.denied(skills.PermitSecret, name)
	}
	s, ok := w.p.o.Secrets[w.m.Name][name]
	if !ok || s.IsZero() {
		return secret.String{}, fault.New(fault.NeedsHuman, "skill "+w.m.Name,
			fmt.Errorf("the configuration has no skills.secrets.%s.%s", w.m.Name, name))
	}
	return s, nil
}

var errNoPool = errors.New("there is no such pool of models")

// Chat implements skills.World.
func (w *world) Chat(ctx context.Context, pool string, r models.Request) iter.Seq2[models.Delta, error] {
	client, err := w.client(pool)
	if err != nil {
		return func(yield func(models.Delta, error) bool) { yield(models.Delta{}, err) }
	}
	e := w.t.Envelope
	r.For = models.Payer{Account: string(e.In.Account), Person: string(w.t.Person), Role: string(w.t.Role), Skill: w.m.Name}
	r.Trace = e.Trace
	return client.Chat(ctx, r)
}

func (w *world) client(pool string) (models.Client, error) {
	standard := w.p.o.Models.Default()
	if pool == "" {
		pool = standard
	}
	if !w.m.Permissions.MayAsk(pool, standard) {
		return nil, w.denied(skills.PermitModel, pool)
	}
	client, ok := w.p.o.Models.Client(pool)
	if !ok {
		return nil, fault.New(fault.NeedsHuman, "skill "+w.m.Name, fmt.Errorf("%w: %q", errNoPool, pool))
	}
	return client, nil
}

// Storage implements skills.World.
func (w *world) Storage() skills.Storage { return kept{w, storage.Space{Skill: w.m.Name}} }

// PersonStorage implements skills.World.
func (w *world) PersonStorage() skills.Storage {
	return kept{w, storage.Space{Skill: w.m.Name, Person: w.t.Person}}
}

// Tell implements skills.World.
func (w *world) Tell(ctx context.Context, parts ...core.Part) (bool, error) {
	if !w.m.Permissions.Elsewhere {
		return false, w.denied(skills.PermitElsewhere, "tell")
	}
	at, err := w.p.o.Reach(ctx, w.t.Person)
	if err != nil {
		return false, err
	}
	if e := w.t.Envelope; len(at) == 0 && e.In.Place == core.Private {
		// The records follow: they may not know yet that the person is here.
		at = []session.Address{{In: e.In, Base: e.From.Person()}}
	}
	return len(at) > 0, w.w.tell(at, parts)
}
