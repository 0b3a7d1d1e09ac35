package whatsapp

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/adapters/recent"
	"github.com/parley-hub/parley/adapters/whatsapp/web"
	"github.com/parley-hub/parley/blobs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// webTypingFor is how long phones show that somebody writes, at least.
	webTypingFor = 10 * time.Second
	// webDraftEvery is how often a growing answer may be edited.
	webDraftEvery = 5 * time.Second
	// keptMessages bounds what is remembered of single messages.
	keptMessages = 4096
	// keptReads bounds the messages that wait to be marked as read.
	keptReads = 256
)

// device is a linked device, as far as it is used here: web.Device.
type device interface {
	Run(ctx context.Context, h web.Handler) error
	Paired(ctx context.Context) (bool, error)
	Pair(ctx context.Context, show func(web.Code)) error
	Send(ctx context.Context, to web.Address, id string, o web.Outgoing) (time.Time, error)
	Typing(ctx context.Context, to web.Address) error
	Read(ctx context.Context, chat, sender web.Address, at time.Time, ids ...string) error
	Download(ctx context.Context, f web.File, limit int64) ([]byte, error)
	Upload(ctx context.Context, kind core.MediaKind, data []byte) (web.File, error)
}

// Web is a device linked to an ordinary account. Make it with Factory().New.
type Web struct {
	account  core.Account
	config   Config
	device   device
	sent     func(context.Context, core.ChatID, core.MessageID) (core.Reply, bool, error)
	blobs    blobs.Opener
	observer core.Observer
	log      zerolog.Logger
	now      func() time.Time
	reads    chan web.Message

	// memory has what the next node needs; the maps are what can be had again, or what only
	// this connection is asked for.
	memory adapters.Memory
	// own are messages that went out; gone those that were taken back from another of
	// the account's devices.
	own  *recent.Map[string, web.Outgoing]
	gone *recent.Map[string, struct{}]
	// said are people's words, which answers quote.
	said *recent.Map[spoken, string]
	// files are those that were uploaded for a message that may have to be repeated.
	files *recent.Map[core.BlobRef, web.File]
}

// spoken names a message in its chat.
type spoken struct {
	chat    core.ChatID
	message core.MessageID
}

func newWeb(s adapters.Settings, c *Config) (*Web, error) {
	endpoint, err := c.simulator()
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, "new adapter", fmt.Errorf("account %s: api_url: %w", s.Account, err))
	}
	root, err := hex.DecodeString(c.RootKey)
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, "new adapter", fmt.Errorf("account %s: root_key: %w", s.Account, err))
	}
	a := &Web{
		account: s.Account, config: *c, sent: s.Sent, blobs: s.Blobs, observer: s.Observer, log: s.Log, now: time.Now,
		reads:  make(chan web.Message, keptReads),
		memory: adapters.MemoryOf(s),
		own:    recent.Of[string, web.Outgoing](keptMessages),
		gone:   recent.Of[string, struct{}](keptMessages),
		said:   recent.Of[spoken, string](keptMessages),
		files:  recent.Of[core.BlobRef, web.File](keptUploads),
	}
	a.device = newDevice(web.Options{
		Account: string(s.Account), Dir: s.StateDir, Database: s.Database, Endpoint: endpoint, RootKey: root,
		Sent: a.again, Revoked: a.revoked, Gone: a.isGone, Log: s.Log,
	})
	return a, nil
}

// The contract this adapter keeps.
var (
	_ adapters.Adapter    = (*Web)(nil)
	_ adapters.Editor     = (*Web)(nil)
	_ adapters.Typer      = (*Web)(nil)
	_ adapters.Fetcher    = (*Web)(nil)
	_ adapters.Reconciler = (*Web)(nil)
	_ adapters.Pairer     = (*Web)(nil)
)

// Describe implements adapters.Adapter.
func (a *Web) Describe() adapters.Description {
	return adapters.Description{
		Account:  a.account,
		Platform: platform,
		Mode:     a.config.Mode,
		Singles:  []string{"receiver"}, // a second connection of the device ends the first
		Capabilities: adapters.Capabilities{
			EditsIn:    []core.Place{core.Private, core.Group},
			DraftEvery: map[core.Place]time.Duration{core.Private: webDraftEvery, core.Group: webDraftEvery},
			TypingFor:  webTypingFor,
			Limits:     a.config.limits(),
			// The device's keys make one message after the other, on one connection.
			SingleSender: true,
			Support:      webSupport,
		},
	}
}

// Run implements adapters.Receiver.
func (a *Web) Run(ctx context.Context, in adapters.Inbox) error {
	inner, cancel := context.WithCancel(ctx)
	var worker sync.WaitGroup
	worker.Go(func() { a.markAll(inner) })
	defer worker.Wait()
	defer cancel()
	return a.device.Run(ctx, &intake{a, in})
}

// Paired implements adapters.Pairer.
func (a *Web) Paired(ctx context.Context) (bool, error) { return a.device.Paired(ctx) }

// Pair implements adapters.Pairer.
func (a *Web) Pair(ctx context.Context, show func(adapters.PairingCode)) error {
	return a.pairingFault(a.device.Pair(ctx, func(c web.Code) { show(adapters.PairingCode(c)) }))
}

// Typing implements adapters.Typer.
func (a *Web) Typing(ctx context.Context, to core.Conversation) error {
	chat, err := chatAddress(to)
	if err != nil {
		return err
	}
	return a.device.Typing(ctx, chat)
}

// Fetch implements adapters.Fetcher.
func (a *Web) Fetch(ctx context.Context, ref core.FileRef, limit int64) (io.ReadCloser, error) {
	return a.fetch(ctx, ref, min(limit, maxDownload))
}

// markAll marks messages as read until ctx ends. That a message was read is a courtesy,
// not kept and not tried again.
func (a *Web) markAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-a.reads:
			if err := a.device.Read(ctx, m.Chat, m.Sender, a.now(), m.ID); err != nil && ctx.Err() == nil {
				a.log.Debug().Err(err).Msg("a message was not marked as read")
			}
		}
	}
}

// revoked is told that a message of the account was taken back.
func (a *Web) revoked(ctx context.Context, id string) {
	a.gone.Set(id, struct{}{})
	progress{At: a.now(), Gone: true}.keep(ctx, a, core.MessageID(id))
}

func (a *Web) isGone(id string) bool {
	_, gone := a.gone.Get(id)
	return gone
}
