package whatsapp

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/recent"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	platform = "whatsapp"
	// typingFor is how long the platform shows the typing indicator
	// (https://developers.facebook.com/documentation/business-messaging/whatsapp/typing-indicators).
	typingFor = 25 * time.Second
	// checkEvery is how often the token is looked at while nothing else tells that it works.
	checkEvery = 10 * time.Minute
	// keptUploads bounds the uploads that are remembered.
	keptUploads = 1000
)

// factory implements adapters.Factory.
type factory struct{}

// Factory makes adapters for WhatsApp numbers.
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
	if c.Mode == ModeWeb {
		return newWeb(s, c)
	}
	if s.PublicURL == "" {
		return nil, fault.New(fault.NeedsHuman, "new adapter", fmt.Errorf(
			"account %s: mode is %s, but the hub has no public address; give it one", s.Account, c.Mode))
	}
	return newCloud(s, c)
}

// Cloud is one business phone number on the Cloud API. Make it with Factory().New.
type Cloud struct {
	account  core.Account
	config   Config
	api      *api
	observer core.Observer
	log      zerolog.Logger
	now      func() time.Time
	outcomes *outcomes
	blobs    blobs.Opener
	// lookup finds the addresses of a media host.
	lookup lookup

	// memory has what other nodes need: the outcomes, and the chats' last messages.
	memory adapters.Memory
	// uploads are the ids of files that were uploaded lately.
	uploads *recent.Map[uploaded, upload]

	mu sync.Mutex
	// number is the phone number, digits only, once it is known.
	number string
}

func newCloud(s adapters.Settings, c *Config) (*Cloud, error) {
	calls, err := newAPI(string(s.Account), c, s.Client)
	if err != nil {
		return nil, err
	}
	return &Cloud{
		account:  s.Account,
		config:   *c,
		api:      calls,
		observer: s.Observer,
		log:      s.Log,
		now:      time.Now,
		memory:   adapters.MemoryOf(s),
		outcomes: newOutcomes(s.Account, adapters.MemoryOf(s), c.StatusGrace, time.Now),
		lookup:   resolve,
		uploads:  recent.Of[uploaded, upload](keptUploads),
		blobs:    s.Blobs,
	}, nil
}

// The contract this adapter keeps.
var (
	_ adapters.Adapter    = (*Cloud)(nil)
	_ adapters.Typer      = (*Cloud)(nil)
	_ adapters.Webhooker  = (*Cloud)(nil)
	_ adapters.Fetcher    = (*Cloud)(nil)
	_ adapters.Reconciler = (*Cloud)(nil)
	_ adapters.DeepLinker = (*Cloud)(nil)
	_ adapters.Factory    = factory{}
	_ adapters.Config     = (*Config)(nil)
)

// Describe implements adapters.Adapter.
func (a *Cloud) Describe() adapters.Description {
	return adapters.Description{
		Account:  a.account,
		Platform: platform,
		Mode:     a.config.Mode,
		Capabilities: adapters.Capabilities{
			TypingFor: typingFor,
			Limits:    a.config.limits(),
			Support:   support,
		},
	}
}

// Run implements adapters.Receiver. Messages come through the webhook; Run only makes
// sure, now and then, that the token still opens the number.
func (a *Cloud) Run(ctx context.Context, in adapters.Inbox) error {
	defer a.api.close()
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		err := a.check(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		adapters.Connected(in)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// check asks for the number with the account's token.
func (a *Cloud) check(ctx context.Context) error {
	var number struct {
		ID      string `json:"id"`
		Display string `json:"display_phone_number"`
	}
	err := a.api.do(ctx, call{
		op: "check number", method: http.MethodGet, path: a.config.PhoneNumberID,
		query: url.Values{"fields": {"id,display_phone_number,verified_name"}},
	}, &number)
	switch {
	case fault.ClassOf(err) == fault.Permanent:
		return fault.New(fault.NeedsHuman, "check number", fmt.Errorf(
			"account %s: the token does not open phone_number_id %s; compare it with the API setup page of the app: %w",
			a.account, a.config.PhoneNumberID, err))
	case err != nil:
		return err
	case number.ID != a.config.PhoneNumberID:
		return fault.New(fault.Retryable, "check number", errShape)
	}
	a.mu.Lock()
	a.number = digits(number.Display)
	a.mu.Unlock()
	return nil
}

const (
	// chatKind are notes of chats: the last message, which typing refers to, and a mark when
	// the chat was sent the template that it has not answered yet.
	chatKind = "chat"
	// chatLife is how long free text is taken behind a person's message; templateLife is for
	// how long no other template is sent, from the last try on.
	chatLife     = 24 * time.Hour
	templateLife = 48 * time.Hour
	// templateMark is the mark of the template.
	templateMark = "template"
)

func (a *Cloud) chatNote(chat core.ChatID) core.Note {
	return core.Note{Account: a.account, Kind: chatKind, Key: string(chat)}
}

// seen remembers what an accepted envelope opens: the chat's message that typing
// refers to, and the window in which free text is taken.
func (a *Cloud) seen(ctx context.Context, e arrival) {
	if e.Kind == core.KindOther || e.In.Place != core.Private || e.readable == "" && a.config.Template.Name == "" {
		return
	}
	if err := a.memory.Put(ctx, a.chatNote(e.In.Chat), []byte(e.readable), chatLife); err != nil {
		a.log.Debug().Err(err).Msg("a chat's last message is not remembered")
	}
}

func (a *Cloud) observe(e core.Event) {
	if a.observer == nil {
		return
	}
	e.At, e.Account = a.now(), a.account
	a.observer.Observe(e)
}
