package telegram

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

const platform = "telegram"

var (
	errNotJSON      = errors.New("the body is not JSON")
	errUnknownShape = errors.New("the update has a shape this version cannot read")
	errNoUpdateID   = errors.New("no update of the batch has an id that can be confirmed")
)

// factory implements adapters.Factory.
type factory struct{}

// Factory makes adapters for Telegram bots.
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
	if c.Mode == ModeWebhook && s.PublicURL == "" {
		return nil, fault.New(fault.NeedsHuman, "new adapter", fmt.Errorf(
			"account %s: mode is webhook, but the hub has no public address; give it one or use mode poll", s.Account))
	}
	return &Adapter{
		account:   s.Account,
		config:    *c,
		publicURL: s.PublicURL,
		secret:    c.webhookSecret(s.Account),
		api:       newAPI(string(s.Account), c, s.Client),
		blobs:     s.Blobs,
		callbacks: make(chan string, 64),
		observer:  s.Observer,
		log:       s.Log,
		now:       time.Now,
	}, nil
}

// Adapter is one bot. Make it with Factory().New.
type Adapter struct {
	account   core.Account
	config    Config
	publicURL string
	secret    secret.String
	api       *api
	blobs     blobs.Opener
	observer  core.Observer
	log       zerolog.Logger
	now       func() time.Time

	// callbacks are presses of buttons to be told as seen; Run's worker does it.
	callbacks chan string

	mu       sync.Mutex
	self     *user
	noDrafts bool
}

// The contract this adapter keeps.
var (
	_ adapters.Adapter    = (*Adapter)(nil)
	_ adapters.Editor     = (*Adapter)(nil)
	_ adapters.Drafter    = (*Adapter)(nil)
	_ adapters.Typer      = (*Adapter)(nil)
	_ adapters.Webhooker  = (*Adapter)(nil)
	_ adapters.Fetcher    = (*Adapter)(nil)
	_ adapters.Menu       = (*Adapter)(nil)
	_ adapters.DeepLinker = (*Adapter)(nil)
	_ adapters.Factory    = factory{}
	_ adapters.Config     = (*Config)(nil)
)

// Describe implements adapters.Adapter.
func (a *Adapter) Describe() adapters.Description {
	var singles []string
	if a.config.Mode == ModePoll { // a second poller ends the first
		singles = []string{"receiver"}
	}
	return adapters.Description{
		Account:  a.account,
		Platform: platform,
		Mode:     a.config.Mode,
		Singles:  singles,
		Capabilities: adapters.Capabilities{
			EditsIn:  []core.Place{core.Group},
			DraftsIn: []core.Place{core.Private},
			// Drafts and edits count against the same limits as messages.
			DraftEvery: map[core.Place]time.Duration{core.Private: 700 * time.Millisecond, core.Group: 3 * time.Second},
			TypingFor:  5 * time.Second,
			Limits:     a.config.Limits,
			Overlap:    a.config.SendOverlap,
			Support:    support,
		},
	}
}

// Run implements adapters.Receiver.
func (a *Adapter) Run(ctx context.Context, in adapters.Inbox) error {
	defer a.api.close()
	inner, cancel := context.WithCancel(ctx)
	var worker sync.WaitGroup
	worker.Go(func() { a.answerCallbacks(inner) })
	defer worker.Wait()
	defer cancel()

	err := a.receive(inner, in)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (a *Adapter) receive(ctx context.Context, in adapters.Inbox) error {
	if err := a.identify(ctx); err != nil {
		return err
	}
	if a.config.Mode == ModeWebhook {
		return a.push(ctx, in)
	}
	return a.poll(ctx, in)
}

// identify asks once who this bot is. Without it mentions of the bot and answers
// to it cannot be told from others.
func (a *Adapter) identify(ctx context.Context) error {
	a.mu.Lock()
	known := a.self != nil
	a.mu.Unlock()
	if known {
		return nil
	}
	var self user
	if err := a.api.call(ctx, "getMe", nil, &self); err != nil {
		return err
	}
	a.mu.Lock()
	a.self = &self
	a.mu.Unlock()
	return nil
}

// read makes the envelope of an update, whatever state it is in.
func (a *Adapter) read(data []byte) (update, core.Envelope) {
	a.mu.Lock()
	r := reader{account: a.account}
	if a.self != nil {
		r.self = *a.self
	}
	a.mu.Unlock()
	u, err := decodeUpdate(data)
	e := r.envelope(u, a.now())
	if err != nil {
		if u.ID == 0 {
			e.ID = core.NewEnvelopeID(a.account, e.Kind, "bytes", string(data))
		}
		a.log.Warn().Int64("update", u.ID).Str("what", u.what).Msg("update of an unknown shape kept as it is")
		a.refuse(fault.New(fault.Permanent, "read update", errUnknownShape))
	}
	e.Trace = core.NewTraceID()
	return u, e
}

// seen follows up on a stored envelope: the button stops showing that it waits.
func (a *Adapter) seen(e core.Envelope) {
	for _, p := range e.Parts {
		action, ok := p.(core.Action)
		if !ok || action.Callback == "" {
			continue
		}
		select {
		case a.callbacks <- action.Callback:
		default: // too many at once: the button stops by itself after a while
		}
	}
}

// answerCallbacks tells Telegram of each press that it was seen. Best effort.
func (a *Adapter) answerCallbacks(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-a.callbacks:
			if err := a.api.call(ctx, "answerCallbackQuery", params{"callback_query_id": id}, nil); err != nil {
				a.log.Debug().Err(err).Msg("a press of a button could not be acknowledged")
			}
		}
	}
}

func (a *Adapter) observe(e core.Event) {
	if a.observer == nil {
		return
	}
	e.At = a.now()
	a.observer.Observe(e)
}
