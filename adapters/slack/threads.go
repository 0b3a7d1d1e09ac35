package slack

import (
	"context"
	"net/url"
	"time"

	"github.com/parley-hub/parley/core"
)

const (
	// lookTimeout bounds the look into a thread: Slack waits three seconds for an ack.
	lookTimeout = time.Second
	// partKind are notes of threads that the bot takes part in, partLife how long they are
	// kept and partFresh how long a node believes what it knows itself. Who is told "no" here
	// and "yes" there sees the note.
	partKind  = "thread"
	partLife  = 48 * time.Hour
	partFresh = 24 * time.Hour
)

// part is what is known of a thread: does the bot have its say there? Who writes there
// talks to it then.
type part struct {
	ours bool
	at   time.Time
}

// noteAt names what is remembered of a thread.
func (a *Adapter) noteAt(kind string, at address) core.Note {
	return core.Note{Account: a.account, Kind: kind, Key: at.channel + "/" + at.thread}
}

// takesPart remembers that the bot takes part in a channel's thread, for all nodes.
func (a *Adapter) takesPart(ctx context.Context, at address) {
	if at.thread == "" || placeOf(at.channel) != core.Group {
		return
	}
	if was, _ := a.threads.Get(at); was.ours && a.now().Sub(was.at) < partFresh {
		return
	}
	a.threads.Set(at, part{ours: true, at: a.now()})
	if err := a.memory.Put(ctx, a.noteAt(partKind, at), nil, partLife); err != nil {
		a.log.Debug().Err(err).Msg("other nodes are not told that the bot takes part in a thread")
	}
}

// joined completes an envelope: in a thread that the bot takes part in, its people
// need not name it each time.
func (a *Adapter) joined(ctx context.Context, e core.Envelope) core.Envelope {
	at := address{channel: string(e.In.Chat), thread: string(e.In.Thread)}
	if at.thread == "" || e.In.Place != core.Group {
		return e
	}
	if e.From.Bot && string(e.From.ID) == a.whoami().self {
		a.takesPart(ctx, at) // another node may have said it
		return e
	}
	if e.Kind != core.KindMessage && e.Kind != core.KindEdit {
		return e
	}
	if e.Addressed {
		a.takesPart(ctx, at) // it is asked, so it takes part before it answers
		return e
	}
	e.Addressed = a.isPart(ctx, at)
	return e
}

// isPart tells whether the bot takes part in a thread. That it does is believed, that it
// does not only where no other node knows better.
func (a *Adapter) isPart(ctx context.Context, at address) bool {
	was, known := a.threads.Get(at)
	if was.ours {
		return true
	}
	_, noted, err := a.memory.Get(ctx, a.noteAt(partKind, at))
	if err != nil {
		a.log.Debug().Err(err).Msg("nobody knows whether another node takes part in a thread")
	}
	if noted {
		a.threads.Set(at, part{ours: true, at: a.now()})
		return true
	}
	if known && a.now().Sub(was.at) < partFresh {
		return false
	}
	ours, err := a.look(ctx, at)
	switch {
	case err != nil:
		a.log.Debug().Err(err).Msg("nobody knows whether the bot takes part in a thread")
		return false
	case ours:
		a.takesPart(ctx, at)
	default:
		a.threads.Set(at, part{at: a.now()})
	}
	return ours
}

// look reads in the beginning of a thread whether the bot spoke there or was asked.
func (a *Adapter) look(ctx context.Context, at address) (ours bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var page struct {
		Messages []struct {
			User  string `json:"user"`
			BotID string `json:"bot_id"`
			Text  string `json:"text"`
		} `json:"messages"`
	}
	args := url.Values{"channel": {at.channel}, "ts": {at.thread}, "limit": {"50"}}
	if err := a.api.ask(ctx, "conversations.replies", args, &page); err != nil {
		return false, err
	}
	self := a.whoami().self
	for _, m := range page.Messages {
		asked := m.BotID == "" && a.whoami().words(m.Text).self
		ours = ours || asked || self != "" && m.User == self
	}
	return ours, nil
}
