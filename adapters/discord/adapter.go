package discord

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/recent"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const platform = "discord"

// factory implements adapters.Factory.
type factory struct{}

// Factory makes adapters for Discord bots.
func Factory() adapters.Factory { return factory{} }

// Platform implements adapters.Factory.
func (factory) Platform() string { return platform }

// Defaults implements adapters.Factory; it gives a *Config.
func (factory) Defaults() adapters.Config { return defaults() }

// New implements adapters.Factory.
func (factory) New(s adapters.Settings) (adapters.Adapter, error) {
	c, err := adapters.ConfigOf[*Config](s)
	if err != nil {
		return nil, err
	}
	if c.Mode == ModeInteractions && s.PublicURL == "" {
		return nil, fault.New(fault.NeedsHuman, "new adapter", fmt.Errorf(
			"account %s: mode is interactions, but the hub has no public address; give it one or use mode gateway", s.Account))
	}
	calls, err := newAPI(string(s.Account), c, s.Client)
	if err != nil {
		return nil, fault.New(fault.Bug, "new adapter", err)
	}
	a := &Adapter{
		account:  s.Account,
		config:   *c,
		api:      calls,
		deferral: make(chan *pending, 64),
		blobs:    s.Blobs,
		observer: s.Observer,
		log:      s.Log,
		now:      time.Now,
		memory:   adapters.MemoryOf(s),
		channels: map[string]channel{},
		roles:    map[string]bool{},
		app:      c.ApplicationID,
	}
	if c.PublicKey != "" {
		if a.key, err = c.publicKey(); err != nil {
			return nil, fault.New(fault.Bug, "new adapter", err)
		}
	}
	file := c.SessionFile
	if file == "" && s.StateDir != "" {
		file = filepath.Join(s.StateDir, platform+"-"+string(s.Account)+".json")
	}
	for i := range c.Shards {
		a.shards = append(a.shards, &shard{Adapter: a, id: i, place: loadPlace(shardFile(file, i, c.Shards), a.log)})
	}
	a.self = a.shards[0].place.Self
	return a, nil
}

// Adapter is one bot. Make it with Factory().New.
type Adapter struct {
	account  core.Account
	config   Config
	api      *api
	key      ed25519.PublicKey
	blobs    blobs.Opener
	observer core.Observer
	log      zerolog.Logger
	now      func() time.Time

	// memory has the interactions that wait for their answer; answers are those of them
	// that were looked up, nil for what is none.
	memory  adapters.Memory
	answers recent.Map[core.EnvelopeID, *responder]
	// deferral are interactions that Run's worker tells Discord to wait for; deferring
	// those of this node.
	deferral  chan *pending
	deferring recent.Map[core.EnvelopeID, *pending]

	// shards are the connections that keep their session in files; only Run and RunPart
	// touch them.
	shards []*shard
	// begins paces the sessions that are begun.
	begins pacer

	mu   sync.Mutex
	self string
	app  string
	// channels are those of servers, as far as they were told; roles the bot's own.
	channels map[string]channel
	roles    map[string]bool
}

// The contract this adapter keeps.
var (
	_ adapters.Adapter      = (*Adapter)(nil)
	_ adapters.PartReceiver = (*Adapter)(nil)
	_ adapters.Editor       = (*Adapter)(nil)
	_ adapters.Reconciler   = (*Adapter)(nil)
	_ adapters.Typer        = (*Adapter)(nil)
	_ adapters.Webhooker    = (*Adapter)(nil)
	_ adapters.Fetcher      = (*Adapter)(nil)
	_ adapters.Menu         = (*Adapter)(nil)
	_ adapters.Factory      = factory{}
	_ adapters.Config       = (*Config)(nil)
)

// Describe implements adapters.Adapter.
func (a *Adapter) Describe() adapters.Description {
	can := support
	var singles []string
	if a.config.Mode == ModeInteractions {
		can = interactionsSupport
	} else {
		for i := range a.config.Shards {
			singles = append(singles, shardName(i, a.config.Shards))
		}
	}
	return adapters.Description{
		Account:  a.account,
		Platform: platform,
		Mode:     a.config.Mode,
		Singles:  singles,
		Capabilities: adapters.Capabilities{
			EditsIn: []core.Place{core.Private, core.Group},
			// A channel takes about five calls in five seconds.
			DraftEvery: map[core.Place]time.Duration{core.Private: 1200 * time.Millisecond, core.Group: 1200 * time.Millisecond},
			TypingFor:  10 * time.Second,
			Limits:     a.config.Limits,
			// By the nonce; answers to interactions have none.
			Repeatable: a.config.Mode == ModeGateway,
			Support:    can,
		},
	}
}

// Run implements adapters.Receiver: all shards, of which none goes on without the others.
func (a *Adapter) Run(ctx context.Context, in adapters.Inbox) error {
	if a.config.Mode == ModeInteractions {
		return a.receive(ctx, func(ctx context.Context) error { return a.serve(ctx, in) })
	}
	return a.receive(ctx, func(ctx context.Context) error {
		group, inner := errgroup.WithContext(ctx)
		for _, s := range a.shards {
			group.Go(func() error { return s.gateway(inner, in) })
		}
		return group.Wait()
	})
}

// RunPart implements adapters.PartReceiver: one shard. Where it is kept for others, the
// session of the node before is resumed.
func (a *Adapter) RunPart(ctx context.Context, name string, keep adapters.Keeper, in adapters.Inbox) error {
	at := slices.Index(a.Describe().Singles, name)
	if at < 0 {
		return fault.New(fault.Bug, "gateway", fmt.Errorf("%q is no shard of this account", name))
	}
	s := a.shards[at]
	if keep != nil {
		s = &shard{Adapter: a, id: at, place: keptPlace(ctx, keep, a.log)}
		a.mu.Lock()
		a.self = cmp.Or(a.self, s.place.Self)
		a.mu.Unlock()
	}
	return a.receive(ctx, func(ctx context.Context) error { return s.gateway(ctx, in) })
}

// receive does what one way of receiving does, and what all have in common.
func (a *Adapter) receive(ctx context.Context, do func(context.Context) error) error {
	defer a.api.close()
	inner, cancel := context.WithCancel(ctx)
	var worker sync.WaitGroup
	worker.Go(func() { a.deferAll(inner) })
	defer worker.Wait()
	defer cancel()

	err := do(inner)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// serve is what mode interactions does besides its handler: it checks that the
// configuration names the application the token belongs to.
func (a *Adapter) serve(ctx context.Context, in adapters.Inbox) error {
	var self struct {
		ID  string `json:"id"`
		Key string `json:"verify_key"`
		Bot user   `json:"bot"`
	}
	err := a.api.call(ctx, request{op: "who am I", method: http.MethodGet, url: discordgo.EndpointApplications + "/@me"}, &self)
	if err != nil {
		return err
	}
	page := console + "/" + self.ID + "/information"
	if self.ID != a.config.ApplicationID {
		return fault.New(fault.NeedsHuman, "who am I", fmt.Errorf(
			"account %s: the token belongs to application %s, not to application_id; copy the right one from %s", a.account, self.ID, page))
	}
	if self.Key != "" && self.Key != a.config.PublicKey {
		return fault.New(fault.NeedsHuman, "who am I", fmt.Errorf(
			"account %s: public_key is not the key of this application; copy it from %s", a.account, page))
	}
	a.mu.Lock()
	a.self = self.Bot.ID
	a.mu.Unlock()
	adapters.Connected(in)
	<-ctx.Done()
	return nil
}

var errNoApplication = errors.New("the server does not tell the application's id")

// application is the id of the application, asked for once where it is not configured.
func (a *Adapter) application(ctx context.Context) (string, error) {
	a.mu.Lock()
	app := a.app
	a.mu.Unlock()
	if app != "" {
		return app, nil
	}
	var self struct {
		ID string `json:"id"`
	}
	err := a.api.call(ctx, request{op: "who am I", method: http.MethodGet, url: discordgo.EndpointApplications + "/@me"}, &self)
	if err != nil {
		return "", err
	}
	if self.ID == "" {
		return "", fault.New(fault.Permanent, "who am I", errNoApplication)
	}
	a.mu.Lock()
	a.app = self.ID
	a.mu.Unlock()
	return self.ID, nil
}

// refuse counts a call that brought nothing an envelope could be made of.
func (a *Adapter) refuse(err error) {
	if a.observer != nil {
		a.observer.Observe(core.Event{Stage: core.StageRefused, At: a.now(), Account: a.account, Kind: core.KindOther, Err: err})
	}
}
