package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// errRefused is what the inbox fails with.
var errRefused = errors.New("the inbox refuses this time")

// inbox is an adversary: it stores what it is given, or refuses it for now, or
// refuses it as if for good, as its dice fall. It notices when something comes
// before what it refused.
type inbox struct {
	mu   sync.Mutex
	dice *rand.Rand // nil for an inbox that stores everything
	// refused is, by chat, the envelope that must come again before any other.
	refused  map[core.ChatID]core.EnvelopeID
	accepted []core.Envelope
	ids      map[core.EnvelopeID]int
	problems []string
	// bell rings when something was stored.
	bell chan struct{}
}

// newInbox makes an inbox that refuses two of five; a seed of 0 makes one that
// refuses nothing.
func newInbox(seed uint64) *inbox {
	in := &inbox{
		refused: map[core.ChatID]core.EnvelopeID{}, ids: map[core.EnvelopeID]int{}, bell: make(chan struct{}, 1),
	}
	if seed != 0 {
		in.dice = rand.New(rand.NewPCG(seed, seed))
	}
	return in
}

// Accept implements adapters.Inbox.
func (in *inbox) Accept(ctx context.Context, e core.Envelope) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Retryable, "accept", err)
	}
	in.ids[e.ID]++
	if in.stored(e.ID) {
		return nil
	}
	if first, ok := in.refused[e.In.Chat]; ok && first != e.ID {
		in.problems = append(in.problems, fmt.Sprintf("%q came before the message that was refused", e.Text()))
	}
	if in.dice != nil {
		switch in.dice.IntN(10) {
		case 0, 1:
			in.refused[e.In.Chat] = e.ID
			return fault.New(fault.Retryable, "accept", errRefused)
		case 2, 3:
			in.refused[e.In.Chat] = e.ID
			return fault.New(fault.Permanent, "accept", errRefused)
		}
	}
	delete(in.refused, e.In.Chat)
	in.accepted = append(in.accepted, e)
	select {
	case in.bell <- struct{}{}:
	default:
	}
	return nil
}

func (in *inbox) stored(id core.EnvelopeID) bool {
	for _, e := range in.accepted {
		if e.ID == id {
			return true
		}
	}
	return false
}

// texts gives what was stored of a chat, in the order it came.
func (in *inbox) texts(chat core.ChatID) []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []string
	for _, e := range in.accepted {
		if e.In.Chat == chat && e.Kind == core.KindMessage {
			out = append(out, e.Text())
		}
	}
	return out
}

// find gives the stored envelopes with this text.
func (in *inbox) find(text string) []core.Envelope {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []core.Envelope
	for _, e := range in.accepted {
		if e.Text() == text {
			out = append(out, e)
		}
	}
	return out
}

// media gives the last file that came in a chat.
func (in *inbox) media(chat core.ChatID) (m core.Media, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, e := range in.accepted {
		for _, p := range e.Parts {
			if p, is := p.(core.Media); is && e.In.Chat == chat {
				m, ok = p, true
			}
		}
	}
	return m, ok
}

func (in *inbox) count() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.accepted)
}

func (in *inbox) complaints() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.problems
}
