package discord

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
)

const (
	// tokenLife is how long an interaction can be answered, a minute less than Discord
	// lets it be (https://docs.discord.com/developers/interactions/receiving-and-responding).
	tokenLife = 14 * time.Minute
	// deferralGrace is how long our "deferred" may be on its way.
	deferralGrace = 10 * time.Second
	// maxPending bounds the interactions kept for their answers.
	maxPending = 10000
)

// pending is an interaction that waits for its answer.
type pending struct {
	id, token, application string
	// component is true for a press of a button: what answers it is a message of its own.
	component bool
	began     time.Time
	// deferred is closed when Discord was told to wait, or could not be told.
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

// answers are the interactions of the last minutes by the envelope they became. With a
// journal they outlive the process; on another node an answer is an ordinary message.
type answers struct {
	mu      sync.Mutex
	byID    map[core.EnvelopeID]*pending
	order   []core.EnvelopeID
	journal *journal
}

// newAnswers makes answers with those that the journal at path has; "" is for no journal.
func newAnswers(path string, now time.Time, log zerolog.Logger) *answers {
	a := &answers{byID: map[core.EnvelopeID]*pending{}, journal: newJournal(path, log)}
	for _, l := range a.journal.read() {
		if now.Sub(l.Began) < tokenLife && a.byID[l.Envelope] == nil {
			a.keep(l.Envelope, l.pending())
		}
	}
	return a
}

// add keeps an interaction. One that is known already is given back.
func (a *answers) add(id core.EnvelopeID, p *pending) *pending {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := a.byID[id]; known != nil {
		return known
	}
	a.keep(id, p)
	if !a.journal.add(p.line(id)) {
		a.journal.rewrite(a.lines())
	}
	return p
}

// lines are the interactions as the journal has them; mu is held, or nobody else is there.
func (a *answers) lines() []line {
	var out []line
	for _, id := range a.order {
		if p := a.byID[id]; p != nil {
			out = append(out, p.line(id))
		}
	}
	return out
}

// keep remembers an interaction and forgets those of long ago; mu is held.
func (a *answers) keep(id core.EnvelopeID, p *pending) {
	for len(a.order) > 0 {
		oldest, ok := a.byID[a.order[0]]
		if ok && len(a.order) < maxPending && p.began.Sub(oldest.began) < tokenLife {
			break
		}
		delete(a.byID, a.order[0])
		a.order = a.order[1:]
	}
	a.byID[id] = p
	a.order = append(a.order, id)
}

// find gives the interaction an envelope came from while it can be answered.
func (a *answers) find(id core.EnvelopeID, now time.Time) *pending {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.byID[id]
	if p == nil || now.Sub(p.began) >= tokenLife {
		return nil
	}
	return p
}

func (a *answers) forget(id core.EnvelopeID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byID, id)
}

// expect keeps an interaction for its answer; nil for one that gets none.
func (a *Adapter) expect(e core.Envelope, i *interaction) *pending {
	if e.Kind != core.KindMessage && e.Kind != core.KindAction || i.Token == "" {
		return nil
	}
	return a.answers.add(e.ID, &pending{
		id: i.ID, token: i.Token, application: i.ApplicationID, component: i.Type == interactionComponent,
		began: a.now(), deferred: make(chan struct{}),
	})
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
