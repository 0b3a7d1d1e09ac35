package adapters

import (
	"context"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// work shows the drafts of one chat, one call at a time, until there are none.
func (w *drafts) work(ctx context.Context, key chatKey, c *chatDrafts) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		w.mu.Lock()
		next, at := c.next()
		if next == nil {
			delete(w.chats, key)
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		if wait := time.Until(at); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-c.wake:
			case <-ctx.Done():
				return
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		w.step(ctx, next)
	}
}

// next gives the draft that is due first, and when. drafts.mu is held.
func (c *chatDrafts) next() (first *draft, at time.Time) {
	for _, dr := range c.drafts {
		if due := dr.due(); first == nil || due.Before(at) {
			first, at = dr, due
		}
	}
	return first, at
}

// due is when something is to be done for a draft, at the latest to forget it.
func (dr *draft) due() time.Time {
	due := dr.touched.Add(draftSilence)
	if dr.typing && dr.nextTyping.Before(due) {
		due = dr.nextTyping
	}
	if dr.fresh && !dr.asked && dr.nextWords.Before(due) {
		due = dr.nextWords
	}
	if dr.asked && !dr.askAgain.IsZero() && dr.askAgain.Before(due) {
		due = dr.askAgain
	}
	return due
}

// step does the one thing that is due for a draft.
func (w *drafts) step(ctx context.Context, dr *draft) {
	now := time.Now()
	w.mu.Lock()
	r, a := dr.reply, dr.account
	switch {
	case w.replies[r.ID] != dr || dr.due().After(now):
		w.mu.Unlock()
	case now.Sub(dr.touched) >= draftSilence, w.d.topic != nil && dr.turn.Left() <= 0:
		w.mu.Unlock()
		w.stop(r.ID, anyTurn)
	case dr.asked:
		dr.asked, dr.fresh = false, true // nobody said where the message stands
		w.mu.Unlock()
	case dr.typing:
		dr.nextTyping = now.Add(a.about.Capabilities.TypingFor * 4 / 5)
		dr.typing = !dr.remote
		away, turn := dr.away, dr.turn
		w.mu.Unlock()
		if away {
			r.Parts = nil
			w.tell(ctx, r, turn)
			return
		}
		w.showTyping(ctx, a, r)
	default:
		dr.nextWords = now.Add(a.pace(r.To.Place))
		method, away := dr.method(), dr.away
		w.mu.Unlock()
		if !away && !w.allowed(ctx, r, method) {
			return
		}
		w.mu.Lock()
		if r = dr.reply; w.replies[r.ID] != dr || dr.method() != method || dr.away != away {
			w.mu.Unlock()
			return
		}
		dr.fresh = false
		w.words(ctx, dr)
	}
}

// words sees that the words of a draft are shown, in the way of its place. w.mu is held,
// and no more afterwards.
func (w *drafts) words(ctx context.Context, dr *draft) {
	r, a, turn, message := dr.reply, dr.account, dr.turn, dr.message
	dr.given = true
	switch {
	case dr.away:
		w.busyWith(ctx, dr, func(ctx context.Context) { w.tell(ctx, r, turn) })
	case dr.way == byEdit && message == "":
		item := w.asks(dr)
		if w.d.topic == nil {
			w.mu.Unlock()
			w.ask(ctx, r, item)
			return
		}
		w.busyWith(ctx, dr, func(ctx context.Context) { w.ask(ctx, r, item) })
	default:
		limit := w.limit(dr)
		w.busyWith(ctx, dr, func(ctx context.Context) { w.showWords(ctx, limit, a, r, message) })
		if w.d.topic != nil && message != "" && turn.Left() <= 0 {
			w.mend(a, r, message) //nolint:contextcheck // it outlives the draft
		}
	}
}

// limit is how long a call that shows words may take: where others may take the turn
// over, it must be back before they do. w.mu is held.
func (w *drafts) limit(dr *draft) time.Duration {
	if w.d.topic == nil {
		return draftTimeout
	}
	return min(draftTimeout, dr.turn.Left())
}

// busyWith makes a call for a draft that stop knows of. w.mu is held, and no more
// afterwards.
func (w *drafts) busyWith(ctx context.Context, dr *draft, call func(ctx context.Context)) {
	ctx, cut := context.WithCancel(ctx)
	defer cut()
	id, mine := dr.reply.ID, &underWay{make(chan struct{}), cut}
	w.calls[id] = mine // one goroutine a chat: there is no other
	w.mu.Unlock()
	call(ctx)
	w.mu.Lock()
	delete(w.calls, id)
	w.mu.Unlock()
	close(mine.over)
}

// method is the kind of call that shows the words next.
func (dr *draft) method() Method {
	switch {
	case dr.way == byDraft:
		return MethodDraft
	case dr.message == "":
		return MethodSend
	default:
		return MethodEdit
	}
}

// allowed asks whether a draft may be shown now. Where nobody can tell it is not.
func (w *drafts) allowed(ctx context.Context, r core.Reply, m Method) bool {
	ok, err := w.d.limiter.Allow(ctx, r.To, m)
	if err != nil {
		w.d.log.Debug().Err(err).Object("reply", r).Str("method", string(m)).Msg("draft not shown: nobody knows whether it may be")
	}
	return ok && err == nil
}

func (w *drafts) showTyping(ctx context.Context, a *account, r core.Reply) {
	if !w.allowed(ctx, r, MethodTyping) {
		return
	}
	err := w.d.call(ctx, draftTimeout, func(ctx context.Context) error { return a.Adapter.(Typer).Typing(ctx, r.To) })
	if err != nil && ctx.Err() == nil {
		w.failed(ctx, r, MethodTyping, err)
	}
}

// showWords shows the words by a draft, or by changing the draft's message.
func (w *drafts) showWords(ctx context.Context, limit time.Duration, a *account, r core.Reply, message core.MessageID) {
	method := MethodEdit
	err := w.d.call(ctx, limit, func(ctx context.Context) error {
		if message == "" {
			method = MethodDraft
			return a.Adapter.(Drafter).Draft(ctx, r)
		}
		_, err := a.Adapter.(Editor).Edit(ctx, message, r)
		return err
	})
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		w.failed(ctx, r, method, err)
		return
	}
	w.d.observe(core.StageDraft, r, 0, nil)
}

// failed takes in that a draft could not be shown. It is shown again later if that
// may help, else its words are not shown any more. Nobody is told: the final comes.
func (w *drafts) failed(ctx context.Context, r core.Reply, m Method, err error) {
	w.d.log.Debug().Err(err).Object("reply", r).Str("method", string(m)).Bool("unknown", unsure(err)).Msg("draft not shown")
	w.d.observe(core.StageDraft, r, 0, err)
	class := fault.ClassOf(err)
	var wait time.Duration
	if class == fault.RateLimited {
		wait = w.d.obey(ctx, r.To, m, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	dr := w.replies[r.ID]
	if dr == nil {
		return
	}
	until := time.Now().Add(wait)
	switch {
	case m == MethodTyping:
		dr.nextTyping = later(dr.nextTyping, until)
		dr.typing = class == fault.RateLimited || class == fault.Retryable
	case class == fault.RateLimited, class == fault.Retryable && (m != MethodSend || !unsure(err)):
		dr.fresh, dr.asked, dr.nextWords = true, false, later(dr.nextWords, until)
	default:
		w.mute(dr)
	}
	w.ring(dr)
}

// mute goes back from showing words to typing. w.mu is held.
func (w *drafts) mute(dr *draft) {
	dr.way, dr.fresh, dr.asked = byNone, false, false
	dr.typing, dr.nextTyping = dr.account.types() && !dr.remote, time.Now()
}

// ring wakes the draft's worker. w.mu is held.
func (w *drafts) ring(dr *draft) {
	if c := w.chats[chatKey{dr.reply.To.Account, dr.reply.To.Chat}]; c != nil {
		c.ring()
	}
}
