package adapters

import (
	"context"
	"strconv"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
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
	case now.Sub(dr.touched) >= draftSilence:
		w.mu.Unlock()
		w.stop(r.ID)
	case dr.typing:
		dr.nextTyping = now.Add(a.about.Capabilities.TypingFor * 4 / 5)
		w.mu.Unlock()
		w.showTyping(ctx, a, r)
	default:
		dr.nextWords = now.Add(a.pace(r.To.Place))
		method := dr.method()
		w.mu.Unlock()
		if !w.allowed(ctx, r, method) {
			return
		}
		w.mu.Lock()
		if r = dr.reply; w.replies[r.ID] != dr || dr.method() != method {
			w.mu.Unlock()
			return
		}
		dr.fresh = false
		if dr.way == byEdit && dr.message == "" {
			dr.asked = true
			w.serial++
			item := string(r.ID) + draftItem + w.run + "." + strconv.Itoa(w.serial)
			w.mu.Unlock()
			w.ask(ctx, r, item)
			return
		}
		done := make(chan struct{})
		dr.busy = done
		message := dr.message
		w.mu.Unlock()
		w.showWords(ctx, a, r, message)
		w.mu.Lock()
		dr.busy = nil
		w.mu.Unlock()
		close(done)
	}
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
func (w *drafts) showWords(ctx context.Context, a *account, r core.Reply, message core.MessageID) {
	method := MethodEdit
	err := w.d.call(ctx, draftTimeout, func(ctx context.Context) error {
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
	w.d.log.Debug().Err(err).Object("reply", r).Str("method", string(m)).Msg("draft not shown")
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
	dr.typing, dr.nextTyping = dr.account.types(), time.Now()
}

// ring wakes the draft's worker. w.mu is held.
func (w *drafts) ring(dr *draft) {
	if c := w.chats[chatKey{dr.reply.To.Account, dr.reply.To.Chat}]; c != nil {
		c.ring()
	}
}

// ask puts an item into the chat's lane whose handling gives the draft a message of
// its own. Going through the lane the message comes behind all earlier replies and
// before the final, and the lane remembers it in the step that drops the item: a
// crash leaves no draft that the final does not know of.
func (w *drafts) ask(ctx context.Context, r core.Reply, item string) {
	outcome, err := w.d.queue.Publish(ctx, queue.Lane(r.To), queue.Item{ID: item, Body: []byte(r.ID)})
	if err == nil && outcome == queue.Accepted || ctx.Err() != nil {
		return
	}
	w.d.log.Debug().Err(err).Object("reply", r).Msg("draft not placed")
	w.mu.Lock()
	defer w.mu.Unlock()
	if dr := w.replies[r.ID]; dr != nil {
		w.mute(dr)
	}
}

// place handles the item that ask published. A draft nobody waits for any more, or
// of another process, gets no message; one whose sending was cut off is not
// sent again.
func (w *drafts) place(ctx context.Context, q queue.Delivery, id core.ReplyID) (queue.Commit, error) {
	done := queue.Commit{Done: 1}
	memory := memory{q.Memory.Fields}
	if message := memory.draft(id); message != "" {
		w.placed(id, message, true)
		return done, nil
	}
	n, err := readNote(q.Note)
	if err != nil {
		return queue.Commit{Done: 1, Bury: err.Error()}, nil
	}
	r, a := w.waiting(id)
	switch {
	case len(n.Sent) > 0:
		w.placed(id, n.Sent[0].Message, true)
		return remember(id, n.Sent[0]), nil
	case a == nil:
		return done, nil
	case n.Step == stepSending:
		w.failed(ctx, r, MethodSend, fault.New(fault.Permanent, "draft", nil, fault.Unsure()))
		return done, nil
	case !a.enter():
		w.failed(ctx, r, MethodSend, fault.New(fault.Retryable, "draft", errNoSlot))
		return done, nil
	}
	defer a.leave()
	s := &sending{d: w.d, q: q, account: a, memory: memory, reply: r, note: n}
	s.move(memory.moved())
	s.note.Step = stepSending
	if err := s.keep(ctx); err != nil {
		return queue.Commit{}, err
	}
	var receipt core.Receipt
	err = w.d.call(ctx, draftTimeout, func(ctx context.Context) (err error) {
		receipt, err = a.Send(ctx, s.reply)
		return err
	})
	if err != nil {
		w.failed(ctx, r, MethodSend, err)
		return done, nil
	}
	message := piece{Message: receipt.Message, At: time.Now()}
	s.note.Step, s.note.Sent = stepDone, []piece{message}
	if err := s.keep(context.WithoutCancel(ctx)); err != nil {
		w.d.log.Debug().Err(err).Object("reply", r).Msg("note of a draft could not be stored")
	}
	w.d.observe(core.StageDraft, r, 0, nil)
	w.placed(id, receipt.Message, false)
	return remember(id, message), nil
}

// remember is the commit that keeps the message of a draft.
func remember(id core.ReplyID, message piece) queue.Commit {
	return queue.Commit{Done: 1, Set: map[string][]byte{fieldDraft + string(id): encode(message)}}
}

// waiting gives the newest words of a draft that waits for a message; the account
// is nil when none does.
func (w *drafts) waiting(id core.ReplyID) (core.Reply, *account) {
	w.mu.Lock()
	defer w.mu.Unlock()
	dr := w.replies[id]
	if dr == nil || !dr.asked {
		return core.Reply{}, nil
	}
	dr.fresh = false
	return dr.reply, dr.account
}

// placed gives a draft its message. stale tells that the message does not show the
// newest words yet.
func (w *drafts) placed(id core.ReplyID, message core.MessageID, stale bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if dr := w.replies[id]; dr != nil {
		dr.asked, dr.message = false, message
		dr.fresh = dr.fresh || stale
		w.ring(dr)
	}
}
