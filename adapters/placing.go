package adapters

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

const (
	// askPatience is how long a draft waits to hear of its message before it asks anew,
	// where the answer may be lost on its way from another node; it doubles each time.
	askPatience = 5 * time.Second
	// askTries bounds how often the same item is published while nobody knows whether it
	// was.
	askTries = 3
)

// asks notes that a draft asks for a message and gives the id of the item. w.mu is held.
func (w *drafts) asks(dr *draft) string {
	dr.asked = true
	if w.d.topic != nil {
		dr.askAgain = time.Now().Add(askPatience << min(dr.asks, 6))
		dr.asks++
	}
	w.serial++
	return string(dr.reply.ID) + draftItem + w.run + "." + strconv.Itoa(w.serial)
}

// ask puts an item into the chat's lane whose handling gives the draft a message of
// its own. Going through the lane the message comes behind all earlier replies and
// before the final, and the lane remembers it in the step that drops the item: a
// crash leaves no draft that the final does not know of. Where another node may take
// the item, it carries the words. One that may have been published is published again:
// it must not come behind the final.
func (w *drafts) ask(ctx context.Context, r core.Reply, id string) {
	item := queue.Item{ID: id, Body: []byte(r.ID)}
	var err error
	if w.d.topic != nil {
		if item.Body, err = core.EncodeReply(r); err != nil {
			return
		}
	}
	for range askTries {
		if _, err = w.d.queue.Publish(ctx, w.d.lanes.Of(r.To), item); err == nil || !fault.IsUnsure(err) {
			break
		}
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	w.d.log.Debug().Err(err).Object("reply", r).Msg("draft not placed")
	w.mu.Lock()
	defer w.mu.Unlock()
	if dr := w.replies[r.ID]; dr != nil {
		w.mute(dr)
	}
}

// place handles the item that ask published, here or on another node. A draft nobody
// waits for any more gets no message; one whose sending was cut off is not sent again.
func (w *drafts) place(ctx context.Context, q queue.Delivery, id core.ReplyID) (queue.Commit, error) {
	done := queue.Commit{Done: 1}
	asker := askerOf(q.Items[0].ID)
	memory := memory{q.Memory.Fields}
	if message, known := memory.placed(id); known {
		w.answer(ctx, asker, id, message, true)
		return done, nil
	}
	n, err := readNote(q.Note)
	if err != nil {
		return queue.Commit{Done: 1, Bury: err.Error()}, nil
	}
	r, a := w.wanted(asker, id, q)
	switch {
	case len(n.Sent) > 0:
		w.answer(ctx, asker, id, n.Sent[0].Message, true)
		return remember(id, n.Sent[0]), nil
	case n.Step == stepSending:
		if a != nil {
			w.failed(ctx, r, MethodSend, fault.New(fault.Permanent, "draft", nil, fault.Unsure()))
		}
		w.answer(ctx, asker, id, "", false)
		return remember(id, piece{At: time.Now()}), nil
	case a == nil:
		return done, nil
	case !a.enter():
		w.failed(ctx, r, MethodSend, fault.New(fault.Retryable, "draft", errNoSlot))
		return done, nil
	}
	defer a.leave()
	s := &sending{d: w.d, q: q, account: a, memory: memory, reply: r, note: n}
	s.move(memory.moved())
	return w.send(ctx, s, asker)
}

// send sends the first words of a draft as a message.
func (w *drafts) send(ctx context.Context, s *sending, asker string) (queue.Commit, error) {
	id := s.reply.ID
	s.note.Step = stepSending
	if err := s.keep(ctx); err != nil {
		return queue.Commit{}, err
	}
	if err := s.holds(ctx); err != nil {
		return queue.Commit{}, err
	}
	var receipt core.Receipt
	try := func() error {
		return w.d.call(ctx, draftTimeout, func(ctx context.Context) (err error) {
			receipt, err = s.account.Send(ctx, s.reply)
			return err
		})
	}
	err := try()
	if err != nil && unsure(err) && s.account.about.Capabilities.Repeatable {
		// Its message may stand, and would be left behind: the final would not know of it.
		err = try()
	}
	if err != nil {
		w.failed(ctx, s.reply, MethodSend, err)
		if class := fault.ClassOf(err); class == fault.RateLimited || class == fault.Retryable && !unsure(err) {
			return queue.Commit{Done: 1}, nil // it is asked for again
		}
		w.answer(ctx, asker, id, "", false)
		return remember(id, piece{At: time.Now()}), nil
	}
	message := piece{Message: receipt.Message, At: time.Now()}
	s.note.Step, s.note.Sent = stepDone, []piece{message}
	if err := s.keep(context.WithoutCancel(ctx)); err != nil {
		w.d.log.Debug().Err(err).Object("reply", s.reply).Msg("note of a draft could not be stored")
	}
	w.d.observe(core.StageDraft, s.reply, 0, nil)
	w.answer(ctx, asker, id, receipt.Message, false)
	return remember(id, message), nil
}

// remember is the commit that keeps the message of a draft, or that there will be none.
func remember(id core.ReplyID, message piece) queue.Commit {
	return queue.Commit{Done: 1, Set: map[string][]byte{fieldDraft + string(id): encode(message)}}
}

// askerOf gives who published an item that asks for a draft's message.
func askerOf(itemID string) string {
	_, rest, _ := strings.Cut(itemID, draftItem)
	run, _, _ := strings.Cut(rest, ".")
	return run
}

// wanted gives the words of a draft that waits for a message: of its own drafts the
// newest, of another node's those in the item. The account is nil when none does.
func (w *drafts) wanted(asker string, id core.ReplyID, q queue.Delivery) (core.Reply, *account) {
	if asker == w.run {
		return w.waiting(id)
	}
	r, err := core.DecodeReply(q.Items[0].Body)
	if err != nil {
		return core.Reply{ID: id}, nil // it carries no words: of another life of a node alone
	}
	r.Final = false
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, final := w.finals[id]; final || w.isElsewhere(r.To.Account, q.Key.Box) {
		return r, nil
	}
	return r, w.d.accounts[r.To.Account]
}

// waiting gives the newest words of a draft that waits for a message; the account
// is nil when none does.
func (w *drafts) waiting(id core.ReplyID) (core.Reply, *account) {
	w.mu.Lock()
	defer w.mu.Unlock()
	dr := w.replies[id]
	if dr == nil || !dr.asked {
		return core.Reply{ID: id}, nil
	}
	dr.fresh = false
	return dr.reply, dr.account
}

// placement is what the Deliverer that handled an item tells the one that asked.
type placement struct {
	Reply core.ReplyID `json:"reply"`
	// Message is where the draft stands; empty when it gets no message.
	Message core.MessageID `json:"message,omitempty"`
	// Stale tells that the message does not show the words that were asked for.
	Stale bool `json:"stale,omitempty"`
}

// placedTopic is where a Deliverer is told of the messages it asked for.
func placedTopic(run string) string { return "placed/" + run }

// answer tells whoever asked which message a draft got.
func (w *drafts) answer(ctx context.Context, asker string, id core.ReplyID, message core.MessageID, stale bool) {
	p := placement{id, message, stale}
	if asker == w.run {
		w.placed(p)
		return
	}
	if w.d.topic == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, draftTimeout)
	defer cancel()
	if err := w.d.topic.Publish(ctx, placedTopic(asker), encode(p)); err != nil {
		w.d.log.Debug().Err(err).Str("reply", string(id)).Msg("nobody was told where a draft stands")
	}
}

// answers takes in what other nodes tell until ctx ends.
func (w *drafts) answers(ctx context.Context) {
	for payload := range w.d.topic.Subscribe(ctx, placedTopic(w.run)) {
		var p placement
		if json.Unmarshal(payload, &p) == nil {
			w.placed(p)
		}
	}
}

// placed gives a draft its message, or takes in that it gets none.
func (w *drafts) placed(p placement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	dr := w.replies[p.Reply]
	switch {
	case dr == nil:
		return
	case p.Message == "" && dr.way == byNone:
		return // known here already
	case p.Message == "":
		w.mute(dr)
	default:
		dr.asked, dr.message = false, p.Message
		dr.fresh = dr.fresh || p.Stale && len(dr.reply.Parts) > 0
	}
	w.ring(dr)
}
