package discord

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

const (
	// answerKind are notes of interactions that wait for their answer, by the envelopes they
	// became.
	answerKind = "interaction"
	// tokenLife is how long an interaction can be answered, a minute less than Discord
	// lets it be (https://docs.discord.com/developers/interactions/receiving-and-responding).
	tokenLife = 14 * time.Minute
	// rememberWithin is how long an interaction may take to be remembered, of the three seconds in
	// which Discord wants to hear of it; rememberPause is between two tries.
	rememberWithin = time.Second
	rememberPause  = 20 * time.Millisecond
	// deferralGrace is how long our "deferred" may be on its way.
	deferralGrace = 10 * time.Second
)

// pending is an interaction that Discord is to be told to wait for.
type pending struct {
	id, token string
	// component is true for a press of a button: what answers it is a message of its own.
	component bool
	// deferred is closed when Discord was told, or could not be told.
	deferred chan struct{}
	once     sync.Once
}

func (p *pending) settle() { p.once.Do(func() { close(p.deferred) }) }

// kind is the type of the answer that makes Discord wait.
func (p *pending) kind() int {
	if p.component {
		return answerDeferredUpdate
	}
	return answerDeferred
}

// responder is how an interaction is answered, from any node. The token opens nothing but this
// one answer.
type responder struct {
	Token       string    `json:"token"`
	Application string    `json:"application"`
	Began       time.Time `json:"began"`
}

func (a *Adapter) answerNote(id core.EnvelopeID) core.Note {
	return core.Note{Account: a.account, Kind: answerKind, Key: string(id)}
}

// expect remembers how an interaction is answered; nil for one that gets no answer. lost is
// why it could not. That costs no message: without its token the answer is an ordinary one.
func (a *Adapter) expect(ctx context.Context, e core.Envelope, i *interaction) (p *pending, lost error) {
	if e.Kind != core.KindMessage && e.Kind != core.KindAction || i.Token == "" {
		return nil, nil
	}
	p, again := a.deferring.Get(e.ID)
	if again {
		return p, nil
	}
	p = &pending{id: i.ID, token: i.Token, component: i.Type == interactionComponent, deferred: make(chan struct{})}
	a.deferring.Set(e.ID, p)
	if p.component {
		return p, nil
	}
	to := &responder{Token: i.Token, Application: i.ApplicationID, Began: a.now()}
	a.answers.Set(e.ID, to)
	return p, a.remember(ctx, e.ID, to)
}

// remember puts an interaction into the memory. It tries again for a while: a Redis that starts
// anew ends the calls under way and takes the next ones, the envelope among them.
func (a *Adapter) remember(ctx context.Context, id core.EnvelopeID, to *responder) error {
	value, err := json.Marshal(to)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, rememberWithin)
	defer cancel()
	for {
		err := a.memory.Put(ctx, a.answerNote(id), value, tokenLife)
		if fault.ClassOf(err) != fault.Retryable {
			return err
		}
		again := time.NewTimer(rememberPause)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return err
		}
	}
}

// rememberLate remembers an interaction that could not be when its envelope was not stored
// yet: mostly that is in time for the answer.
func (a *Adapter) rememberLate(ctx context.Context, id core.EnvelopeID, lost error) {
	if to, ok := a.answers.Get(id); ok && to != nil {
		lost = a.remember(ctx, id, to)
	}
	a.warnLost(lost)
}

func (a *Adapter) warnLost(lost error) {
	if lost != nil {
		a.log.Warn().Err(lost).Msg("an interaction is not remembered: its answer is an ordinary message")
	}
}

var errOddNote = errors.New("the note of an interaction cannot be read")

// answerTo gives how a reply answers an interaction, while it can; nil for an ordinary one.
// It is looked up once: what is known of an interaction was kept before its envelope was.
func (a *Adapter) answerTo(ctx context.Context, r core.Reply) (*responder, error) {
	id := r.ID.Envelope()
	if id == "" {
		return nil, nil
	}
	to, known := a.answers.Get(id)
	if !known {
		value, ok, err := a.memory.Get(ctx, a.answerNote(id))
		if err != nil {
			return nil, err
		}
		if ok {
			to = &responder{}
			if json.Unmarshal(value, to) != nil {
				return nil, fault.New(fault.Bug, "respond", errOddNote)
			}
		}
		a.answers.Set(id, to)
	}
	if to == nil || a.now().Sub(to.Began) >= tokenLife {
		return nil, nil
	}
	return to, nil
}

// forget makes the answers that follow ordinary messages.
func (a *Adapter) forget(ctx context.Context, id core.EnvelopeID) {
	a.answers.Set(id, nil)
	if err := a.memory.Delete(ctx, a.answerNote(id)); err != nil {
		a.log.Debug().Err(err).Msg("an interaction that takes no answer is still remembered")
	}
}

// deferLater has Run's worker tell Discord that the answer will come.
func (a *Adapter) deferLater(p *pending) {
	if p == nil {
		return
	}
	select {
	case a.deferral <- p:
	default: // too many at once: the answer will be an ordinary message
		p.settle()
	}
}

// deferAll tells Discord of each interaction that its answer will come; several at
// a time, because each has three seconds.
func (a *Adapter) deferAll(ctx context.Context) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case p := <-a.deferral:
					err := a.api.call(ctx, request{
						op: "defer", method: http.MethodPost, url: discordgo.EndpointInteractionResponse(p.id, p.token),
						body: map[string]int{"type": p.kind()},
					}, nil)
					if err != nil && !refused(err).is(codeAlreadyAnswered) {
						a.log.Debug().Err(err).Msg("an interaction could not be deferred")
					}
					p.settle()
				}
			}
		})
	}
	all.Wait()
	for { // whoever waits for what is left waits no longer
		select {
		case p := <-a.deferral:
			p.settle()
		default:
			return
		}
	}
}
