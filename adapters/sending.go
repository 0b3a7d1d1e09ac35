package adapters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// errUnknownTwice is why a reply is given up whose outcome was unknown, was sent
// once more, and is unknown again.
var errUnknownTwice = errors.New("outcome unknown twice")

// sending is one try of one reply.
type sending struct {
	d       *Deliverer
	q       queue.Delivery
	account *account
	memory  memory
	reply   core.Reply
	note    note
}

// run sends what is missing of the reply. nil means that all of it stands.
func (s *sending) run(ctx context.Context) error {
	s.reply.Sent = s.note.sent()
	s.move(cmp.Or(s.note.Moved, s.memory.moved()))
	if err := s.d.drafts.finish(ctx, s.reply.ID); err != nil {
		return err
	}
	for s.note.Step != stepDone {
		var err error
		if s.note.Step == stepSending {
			err = s.resolve(ctx)
		} else {
			err = s.next(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// move turns the reply to where its place is now. A thread keeps its id.
func (s *sending) move(to *core.Conversation) {
	if to != nil {
		s.reply.To.Place, s.reply.To.Chat = to.Place, to.Chat
	}
}

// next brings out one piece: the first one into the message that shows the draft,
// where there is one, all others as messages of their own.
func (s *sending) next(ctx context.Context) error {
	if editor, draft := s.draft(); draft != "" {
		return s.edit(ctx, editor, draft)
	}
	if err := s.d.room(ctx, s.reply.To, MethodSend); err != nil {
		return err
	}
	done, err := s.account.queueUp(ctx)
	if err != nil {
		return err
	}
	defer done()
	s.note.Step = stepSending
	if err := s.keep(ctx); err != nil {
		return err
	}
	if err := s.holds(ctx); err != nil {
		return err
	}
	var receipt core.Receipt
	err = s.d.call(ctx, callTimeout+fileTime(s.reply), func(ctx context.Context) (err error) {
		receipt, err = s.account.Send(ctx, s.reply)
		return err
	})
	if err == nil {
		if s.q.Left() <= 0 {
			// Whoever took over found nothing, as the call had not left this process.
			s.d.log.Warn().Object("reply", s.reply).Msg("this node was paused or slow for longer than its lease while it sent: the message may stand twice")
		}
		return s.sent(ctx, receipt)
	}
	if unsure(err) {
		return unknown(err)
	}
	s.note.Step = stepIdle
	if kept := s.keep(context.WithoutCancel(ctx)); kept != nil {
		return errors.Join(kept, err)
	}
	return s.heed(ctx, MethodSend, err)
}

// fileTime is what a reply's files add to the time that sending one of its pieces may take.
func fileTime(r core.Reply) (most time.Duration) {
	for _, p := range r.Parts {
		if m, ok := p.(core.Media); ok {
			most = max(most, FileTime(m.Size))
		}
	}
	return most
}

// draft gives the message that shows the reply's draft, if its first piece can
// still go there.
func (s *sending) draft() (Editor, core.MessageID) {
	editor, ok := s.account.Adapter.(Editor)
	if !ok || s.note.Fresh || len(s.note.Sent) > 0 {
		return nil, ""
	}
	return editor, s.memory.draft(s.reply.ID)
}

// edit makes the draft's message show the first piece. Repeating an edit is
// harmless, so nothing is noted before it.
func (s *sending) edit(ctx context.Context, editor Editor, draft core.MessageID) error {
	if err := s.d.room(ctx, s.reply.To, MethodEdit); err != nil {
		return err
	}
	if err := s.holds(ctx); err != nil {
		return err
	}
	var receipt core.Receipt
	err := s.d.call(ctx, callTimeout, func(ctx context.Context) (err error) {
		receipt, err = editor.Edit(ctx, draft, s.reply)
		return err
	})
	switch class := fault.ClassOf(err); {
	case err == nil:
		return s.sent(ctx, receipt)
	case class == fault.Permanent && !fault.IsUnsure(err):
		s.d.log.Debug().Err(err).Object("reply", s.reply).Msg("draft is gone, reply is sent as a new message")
		s.note.Fresh = true
		return s.keep(ctx)
	default:
		return s.heed(ctx, MethodEdit, err)
	}
}

// sent takes in that a piece stands.
func (s *sending) sent(ctx context.Context, receipt core.Receipt) error {
	s.note.Sent = append(s.note.Sent, piece{Message: receipt.Message, At: receipt.At})
	s.reply.Sent = append(slices.Clone(s.reply.Sent), receipt.Message)
	s.note.Step, s.note.Unsure = stepIdle, 0
	if receipt.MovedTo != nil {
		s.note.Moved = receipt.MovedTo
		s.move(receipt.MovedTo)
	}
	if !receipt.More {
		s.note.Step = stepDone
	}
	s.d.observe(core.StageSent, s.reply, 0, nil)
	err := s.keep(context.WithoutCancel(ctx))
	if s.note.Step == stepDone && err != nil && !errors.Is(err, queue.ErrStale) {
		// The commit that follows says the same and more.
		s.d.log.Debug().Err(err).Object("reply", s.reply).Msg("last note of a reply could not be stored")
		return nil
	}
	return err
}

// resolve deals with a piece of which nobody knows whether it stands.
func (s *sending) resolve(ctx context.Context) error {
	if reconciler, ok := s.account.Adapter.(Reconciler); ok {
		known, err := s.reconcile(ctx, reconciler)
		if known || err != nil {
			return err
		}
	}
	s.note.Unsure++
	s.note.Step = stepIdle
	if s.note.Unsure > 1 {
		return fault.New(fault.Permanent, "send", errUnknownTwice)
	}
	if err := s.keep(ctx); err != nil {
		return err
	}
	s.d.log.Warn().Object("reply", s.reply).Int("piece", len(s.note.Sent)+1).
		Msg("nobody knows whether this message was sent; it is sent once more")
	s.d.observe(core.StageUnsure, s.reply, 0, nil)
	return nil
}

// reconcile asks the platform. known is false when it cannot tell.
func (s *sending) reconcile(ctx context.Context, reconciler Reconciler) (known bool, err error) {
	if err := s.d.room(ctx, s.reply.To, MethodReconcile); err != nil {
		return false, err
	}
	var receipt core.Receipt
	var found bool
	err = s.d.call(ctx, callTimeout, func(ctx context.Context) (err error) {
		receipt, found, err = reconciler.Reconcile(ctx, s.reply)
		return err
	})
	switch class := fault.ClassOf(err); {
	case err == nil && found:
		return true, s.sent(ctx, receipt)
	case err == nil:
		s.note.Step = stepIdle
		return true, s.keep(ctx)
	case class == fault.Permanent || class == fault.Bug:
		s.d.log.Warn().Err(err).Object("reply", s.reply).Msg("the platform cannot tell whether a message was sent")
		return false, nil
	default:
		return false, s.heed(ctx, MethodReconcile, err)
	}
}

// heed does what a failed call asks for besides this reply's own wait, and gives
// the fault to return.
func (s *sending) heed(ctx context.Context, m Method, err error) error {
	switch fault.ClassOf(err) {
	case fault.RateLimited:
		wait := s.d.obey(ctx, s.reply.To, m, err)
		return fault.New(fault.RateLimited, "", err, fault.WithWait(wait), fault.WithScope(fault.ScopeOf(err)))
	case fault.NeedsHuman:
		// The account's other chats need not find out one by one.
		wait := max(fault.Wait(err), humanEvery)
		s.d.wait(ctx, s.reply.To, m, fault.ScopeAccount, wait)
		return fault.New(fault.NeedsHuman, "", err, fault.WithWait(wait))
	case fault.Retryable, fault.Permanent, fault.Bug:
	}
	return err
}

// unknown is the fault for a call whose outcome is unknown: however it looked, the
// reply comes again and is resolved then.
func unknown(err error) error {
	if fault.ClassOf(err) == fault.NeedsHuman {
		return fault.New(fault.NeedsHuman, "", err, fault.WithWait(max(fault.Wait(err), humanEvery)))
	}
	return fault.New(fault.Retryable, "", err, fault.WithWait(fault.Wait(err)), fault.Unsure())
}

// holds refuses to go on where another node may hold the lane. A note that was stored
// says that it was so at that moment; this process may have been paused since.
func (s *sending) holds(ctx context.Context) error {
	if s.q.Left() > 0 {
		return nil
	}
	if s.note.Step == stepSending {
		s.note.Step = stepIdle
		if err := s.keep(context.WithoutCancel(ctx)); err != nil {
			s.d.log.Debug().Err(err).Object("reply", s.reply).Msg("lease lost before a call")
		}
	}
	return fault.New(fault.Retryable, "send", queue.ErrStale)
}

// keep stores the note. That storing failed says nothing against the reply, so it
// is a wait and no failed attempt.
func (s *sending) keep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	if err := s.q.SetNote(ctx, encode(s.note)); err != nil {
		return fault.New(fault.RateLimited, "note", err, fault.WithWait(time.Second))
	}
	return nil
}

// settle makes of the outcome of a try what the queue is to do.
func (s *sending) settle(ctx context.Context, err error) (queue.Commit, error) {
	class := fault.ClassOf(err)
	switch {
	case err == nil:
		return s.commit(), nil
	case errors.Is(err, errNoRoom), errors.Is(err, queue.ErrStale), ctx.Err() != nil:
		return queue.Commit{}, err
	case class == fault.Permanent, class == fault.Bug:
		return s.bury(ctx, err)
	case class == fault.Retryable && s.q.Last:
		return s.bury(ctx, fmt.Errorf("given up after %d attempts: %w", s.q.Attempt, err))
	}
	s.d.log.Warn().Err(err).Object("reply", s.reply).Stringer("class", class).Int("attempt", s.q.Attempt).
		Dur("wait", fault.Wait(err)).Msg("reply not sent yet")
	s.d.observe(core.StageRetry, s.reply, 0, err)
	return queue.Commit{}, err
}

// commit takes the delivered reply off the outbox.
func (s *sending) commit() queue.Commit {
	c := s.memory.finish(s.reply.ID, s.note.Moved, time.Now())
	if s.d.ledger != nil {
		if out, ok := s.d.ledger(s.reply, s.note.receipts()); ok {
			c.Out = append(c.Out, out)
		}
	}
	s.d.observe(core.StageDelivered, s.reply, time.Since(s.q.Since), nil)
	return c
}

// bury gives the reply up. The note is left so that a replay goes on behind what
// stands and may try the rest anew.
func (s *sending) bury(ctx context.Context, reason error) (queue.Commit, error) {
	s.d.log.Error().Err(reason).Object("reply", s.reply).Int("attempt", s.q.Attempt).Msg("reply buried")
	s.note.Step, s.note.Unsure = stepIdle, 0
	if err := s.keep(ctx); err != nil {
		s.d.log.Debug().Err(err).Object("reply", s.reply).Msg("note of a buried reply could not be stored")
	}
	s.d.observe(core.StageBuried, s.reply, 0, reason)
	c := s.memory.finish(s.reply.ID, s.note.Moved, time.Now())
	c.Bury = reason.Error()
	return c, nil
}
