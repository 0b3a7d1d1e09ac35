package slack

import (
	"context"
	"net/url"
	"time"

	"github.com/parley-hub/parley/adapters/recent"
	"github.com/parley-hub/parley/core"
)

// lookTimeout bounds the look into a thread: Slack waits three seconds for an ack.
const lookTimeout = time.Second

// threads remembers in which threads the bot has its say: who writes there talks to it.
type threads struct{ recent.Map[address, bool] }

// note remembers a thread. One that the bot once spoke in stays so.
func (t *threads) note(at address, ours bool) {
	t.Change(at, func(was bool) bool { return was || ours })
}

// joined completes an envelope: in a thread that the bot takes part in, its people
// need not name it each time.
func (a *Adapter) joined(ctx context.Context, e core.Envelope) core.Envelope {
	at := address{channel: string(e.In.Chat), thread: string(e.In.Thread)}
	if at.thread == "" || e.In.Place != core.Group {
		return e
	}
	if e.From.Bot && string(e.From.ID) == a.whoami().self {
		a.threads.note(at, true) // another node may have said it
		return e
	}
	if e.Kind != core.KindMessage && e.Kind != core.KindEdit {
		return e
	}
	if e.Addressed {
		a.threads.note(at, true) // it is asked, so it takes part before it answers
		return e
	}
	ours, known := a.threads.Get(at)
	if !known {
		var err error
		if ours, err = a.look(ctx, at); err != nil {
			a.log.Debug().Err(err).Msg("nobody knows whether the bot takes part in a thread")
			return e
		}
		a.threads.note(at, ours)
	}
	e.Addressed = ours
	return e
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
