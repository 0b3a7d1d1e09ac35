package slack

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	slackgo "github.com/slack-go/slack"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/recent"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const platform = "slack"

var errNobody = errors.New("the server does not say who the token belongs to")

// factory implements adapters.Factory.
type factory struct{}

// Factory makes adapters for Slack apps.
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
	return &Adapter{
		account:  s.Account,
		config:   *c,
		api:      newAPI(string(s.Account), c, s.Client),
		blobs:    s.Blobs,
		observer: s.Observer,
		log:      s.Log,
		now:      time.Now,
		memory:   adapters.MemoryOf(s),
		paces:    newPaces(),
	}, nil
}

// Adapter is one app in one workspace. Make it with Factory().New.
type Adapter struct {
	account  core.Account
	config   Config
	api      *api
	observer core.Observer
	log      zerolog.Logger
	now      func() time.Time
	blobs    blobs.Opener
	// memory keeps what an answer needs that leaves from another node; the maps are what
	// any node can make anew.
	memory  adapters.Memory
	threads recent.Map[address, part]
	uploads recent.Map[pieceKey, uploaded]
	people  directory
	// streams has the words of drafts that are streams, by their messages. On another node
	// such a message is replaced.
	streams recent.Map[address, string]
	paces   *paces
	// noStatus is set when the app may not show that it is typing.
	noStatus atomic.Bool

	mu sync.Mutex
	me reader // without ids until identify
}

// The contract this adapter keeps.
var (
	_ adapters.Adapter    = (*Adapter)(nil)
	_ adapters.Editor     = (*Adapter)(nil)
	_ adapters.Typer      = (*Adapter)(nil)
	_ adapters.Reconciler = (*Adapter)(nil)
	_ adapters.Webhooker  = (*Adapter)(nil)
	_ adapters.Fetcher    = (*Adapter)(nil)
	_ adapters.Factory    = factory{}
	_ adapters.Config     = (*Config)(nil)
)

// draftEvery is how often a draft grows; all drafts together keep to paces.
const draftEvery = 1200 * time.Millisecond

// Describe implements adapters.Adapter.
func (a *Adapter) Describe() adapters.Description {
	return adapters.Description{
		Account:  a.account,
		Platform: platform,
		Mode:     a.config.Mode,
		Capabilities: adapters.Capabilities{
			EditsIn:    []core.Place{core.Private, core.Group},
			DraftEvery: map[core.Place]time.Duration{core.Private: draftEvery, core.Group: draftEvery},
			TypingFor:  typingFor, // in threads
			Limits:     a.config.Limits,
			Support:    support,
		},
	}
}

// Run implements adapters.Receiver.
func (a *Adapter) Run(ctx context.Context, in adapters.Inbox) error {
	defer a.api.close()
	err := a.receive(ctx, in)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (a *Adapter) receive(ctx context.Context, in adapters.Inbox) error {
	if err := a.identify(ctx); err != nil {
		return err
	}
	if a.config.Mode == ModeSocket {
		return a.listen(ctx, in)
	}
	// Slack calls; where to is set in the app's console.
	adapters.Connected(in)
	<-ctx.Done()
	return nil
}

// identify asks once who this bot is. Without it mentions of the bot and messages by
// it cannot be told from others.
func (a *Adapter) identify(ctx context.Context) error {
	if a.whoami().self != "" {
		return nil
	}
	var who *slackgo.AuthTestResponse
	err := a.api.call(ctx, "auth.test", func(ctx context.Context) (err error) {
		who, err = a.api.client.AuthTestContext(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if !idShape.MatchString(who.UserID) || !idShape.MatchString(who.TeamID) {
		return fault.New(fault.Retryable, "auth.test", errNobody)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.me.self == "" { // calls of the webhook may have asked at the same time
		a.tellMissing(who.Header)
	}
	a.people.Set(who.UserID, person{name: who.User, handle: who.User})
	a.me = reader{team: who.TeamID, self: who.UserID}
	return nil
}

// whoami gives the reader of this account.
func (a *Adapter) whoami() reader {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.me
	r.account = a.account
	return r
}

// store makes the envelope of a delivery and stores it.
func (a *Adapter) store(ctx context.Context, in adapters.Inbox, d incoming) error {
	if d.odd {
		a.log.Warn().Str("kind", d.what).Msg("delivery of an unknown shape kept as it is")
		a.refuse(fault.New(fault.Permanent, "read delivery", errNotJSON))
	}
	r := a.whoami()
	r.people = a.named(ctx, d)
	e := a.joined(ctx, r.envelope(d, a.now()))
	e.Trace = core.NewTraceID()
	a.heardFrom(ctx, e)
	a.mayRespond(ctx, e, d.responseURL())
	return in.Accept(ctx, e)
}

// refuse counts a delivery that brought nothing an envelope could be made of.
func (a *Adapter) refuse(err error) {
	if a.observer != nil {
		a.observer.Observe(core.Event{Stage: core.StageRefused, At: a.now(), Account: a.account, Kind: core.KindOther, Err: err})
	}
}
