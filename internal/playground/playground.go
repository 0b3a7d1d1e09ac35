package playground

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/console"
)

// Playground is the phones. Make it with New; it implements console.Playground and
// core.Observer.
type Playground struct {
	log     zerolog.Logger
	phones  []*seat
	restart chan struct{}

	mu sync.Mutex
	// hub is where the hub's webhooks are; told is closed when it is known.
	hub  string
	told chan struct{}
	// stopped is when a restart was asked for; zero while the hub runs.
	stopped time.Time
	// mood is how the models are, calm what ends it.
	mood troubleKind
	calm *time.Timer

	incidents incidents
}

// seat is a phone with its place on the network.
type seat struct {
	phone
	info    console.Phone
	line    *line
	channel configs.Channel
	// linker is nil for a phone that need not be linked.
	linker *linker
}

// New makes the phones, opens a loopback port for each, and adds their accounts to the
// configuration. Close, or Run, frees the ports.
func New(cfg *configs.Config, log zerolog.Logger) (*Playground, error) {
	p := &Playground{log: log, restart: make(chan struct{}, 1), told: make(chan struct{})}
	p.incidents = newIncidents(p)
	for _, make := range makers {
		ph, err := make()
		if err != nil {
			p.Close()
			return nil, fault.New(fault.Bug, "playground", err)
		}
		s := &seat{phone: ph, info: introduce(ph.about())}
		p.phones = append(p.phones, s)
		if s.line, err = newLine(ph); err != nil {
			p.Close()
			return nil, fault.New(fault.NeedsHuman, "open a loopback port for the playground", err)
		}
		s.channel = ph.channel("http://" + s.line.address)
		if l, ok := ph.(linkable); ok {
			s.linker = newLinker(p, s, l, cfg.DataDir)
		}
	}
	cfg.Channels = p.Accounts()
	cfg.Shutdown = min(cfg.Shutdown, shutdown)
	return p, nil
}

// shutdown bounds a stop of the hub in the playground: a restart is there to be watched.
const shutdown = 2 * time.Second

// makers lists the phones in the order they are shown.
var makers = append([]func() (phone, error){newTelegram, newSlack, newWhatsApp, newDiscord}, linkedMakers...)

// Accounts are the hub's accounts in its next life: an account that is linked by a code
// joins when it is linked, so that nothing is out before somebody wants it.
func (p *Playground) Accounts() map[core.Account]configs.Channel {
	out := map[core.Account]configs.Channel{}
	for _, s := range p.phones {
		if s.linker == nil || s.linker.phone.linked() {
			out[core.Account(s.info.Account)] = s.channel
		}
	}
	return out
}

// introduce makes of a phone what the console shows of it.
func introduce(a about) console.Phone {
	out := console.Phone{ID: a.id, Name: a.name, Account: a.id, People: people, Faults: faultsOf(a), With: a.with, Mode: a.mode, Remark: a.remark}
	a.private.ID = "private"
	a.private.Chats = map[string]string{ada: a.id + "-" + ada, ben: a.id + "-" + ben}
	out.Places = append(out.Places, a.private)
	if a.group.Title != "" {
		a.group.ID = group
		a.group.Chats = map[string]string{ada: a.id + "-" + group, ben: a.id + "-" + group}
		out.Places = append(out.Places, a.group)
	}
	return out
}

// Run serves the platforms until ctx ends.
func (p *Playground) Run(ctx context.Context) error {
	defer p.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(p.phones))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for _, s := range p.phones {
		wg.Go(func() {
			if err := s.line.run(ctx); err != nil {
				errs <- err
			}
		})
		wg.Go(func() { p.connect(ctx, s) })
		if s.linker != nil {
			wg.Go(func() { s.linker.run(ctx) })
		}
	}
	wg.Go(func() { p.incidents.run(ctx) })
	select {
	case err := <-errs:
		return err
	case <-ctx.Done():
		return nil
	}
}

// Hub tells where the hub serves its webhooks. It may be told again for each life of
// the hub; the address stays.
func (p *Playground) Hub(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hub == "" {
		p.hub = address
		close(p.told)
	}
	if !p.stopped.IsZero() {
		took := time.Since(p.stopped).Round(10 * time.Millisecond)
		p.incidents.write(fmt.Sprintf("The hub is back after %s. What was under way goes on.", took), true)
		p.stopped = time.Time{}
	}
}

// connect tells a platform where the hub is, as soon as it is known and answers.
func (p *Playground) connect(ctx context.Context, s *seat) {
	select {
	case <-p.told:
	case <-ctx.Done():
		return
	}
	p.mu.Lock()
	hub := p.hub
	p.mu.Unlock()
	for {
		err := s.connect(ctx, hub)
		if err == nil || ctx.Err() != nil {
			return
		}
		p.log.Debug().Err(err).Str("phone", s.info.ID).Msg("the platform does not reach the hub yet")
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
}

// Close frees what a playground holds that does not run any more, or never ran.
func (p *Playground) Close() {
	p.mu.Lock()
	if p.calm != nil {
		p.calm.Stop()
	}
	p.mu.Unlock()
	for _, s := range p.phones {
		if s.line != nil {
			s.line.close()
		}
		s.Close()
	}
}

// Restarts gives a value for each restart of the hub that somebody asked for.
func (p *Playground) Restarts() <-chan struct{} { return p.restart }

// Phones implements console.Playground.
func (p *Playground) Phones() []console.Phone {
	out := make([]console.Phone, len(p.phones))
	for i, s := range p.phones {
		out[i] = s.info
	}
	return out
}

// Transcript implements console.Playground.
func (p *Playground) Transcript(id string) []console.Bubble {
	s, chat, ok := p.find(id)
	if !ok {
		return nil
	}
	return s.transcript(chat)
}

// find gives the phone of a chat and what the phone calls it.
func (p *Playground) find(id string) (s *seat, chat string, ok bool) {
	for _, s := range p.phones {
		chat, ok := strings.CutPrefix(id, s.info.ID+"-")
		if !ok {
			continue
		}
		for _, place := range s.info.Places {
			for _, known := range place.Chats {
				if known == id {
					return s, chat, true
				}
			}
		}
	}
	return nil, "", false
}

// who finds a chat in which somebody may act.
func (p *Playground) who(id, as string) (*seat, string, error) {
	s, chat, ok := p.find(id)
	if !ok || nameOf(as) == "" || chat != group && chat != as {
		return nil, "", refused("playground", errNobody)
	}
	return s, chat, nil
}

// Say implements console.Playground.
func (p *Playground) Say(_ context.Context, u console.Utterance) error {
	s, chat, err := p.who(u.Chat, u.As)
	if err != nil {
		return err
	}
	return refused("say", s.say(chat, u))
}

// Press implements console.Playground.
func (p *Playground) Press(_ context.Context, id, bubble, as, data string) error {
	s, chat, err := p.who(id, as)
	if err != nil {
		return err
	}
	return refused("press", s.press(chat, bubble, as, data))
}

// React implements console.Playground.
func (p *Playground) React(_ context.Context, id, bubble, as, emoji string) error {
	s, chat, err := p.who(id, as)
	if err != nil {
		return err
	}
	return refused("react", s.react(chat, bubble, as, emoji))
}

// File implements console.Playground.
func (p *Playground) File(phone, id string) ([]byte, bool) {
	s := p.seat(phone)
	if s == nil {
		return nil, false
	}
	return s.file(id)
}

func (p *Playground) seat(id string) *seat {
	for _, s := range p.phones {
		if s.info.ID == id {
			return s
		}
	}
	return nil
}

// Fail implements console.Playground.
func (p *Playground) Fail(_ context.Context, phone, kind string) error {
	if phone == console.TheHub {
		return p.trouble(troubleKind(kind))
	}
	s := p.seat(phone)
	if s == nil || !slices.ContainsFunc(s.info.Faults, func(f console.Fault) bool { return f.ID == kind }) {
		return refused("fail", errNobody)
	}
	if faultKind(kind) == faultUnlink {
		return s.linker.unlink()
	}
	p.incidents.begin(s, faultKind(kind))
	return nil
}

// Notes implements console.Playground.
func (p *Playground) Notes(phone string) []console.Note { return p.incidents.notes(phone) }

// Observe implements core.Observer: what becomes of messages in the hub.
func (p *Playground) Observe(e core.Event) { p.incidents.observe(e) }
