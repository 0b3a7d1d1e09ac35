package adapters

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

// Topic tells things to the Deliverers of all nodes that listen at the moment, and keeps
// nothing.
type Topic interface {
	// Publish tells payload to all who listen to name now. It does not wait for them.
	Publish(ctx context.Context, name string, payload []byte) error
	// Subscribe gives what is published under name until ctx ends, when the channel is
	// closed. To who reads too slowly the newest are left.
	Subscribe(ctx context.Context, name string) <-chan []byte
}

// mostTold bounds the draft that another node is told, in bytes of its wire form. What
// is longer is not shown while it grows.
const mostTold = 60 << 10

// Serve brings out the replies of an account that has an outbox of its own, and shows
// the drafts that other nodes have for it, until ctx ends and what was under way is
// finished or handed back. It is to be called while this node has the account's
// connection, beside Run. An account of the common outbox needs no serving: there it
// only waits for the end.
func (d *Deliverer) Serve(ctx context.Context, account core.Account) error {
	if !d.lanes.Own(account) {
		<-ctx.Done()
		return nil
	}
	d.drafts.serve(account, 1)
	defer d.drafts.serve(account, -1)
	ears, deaf := context.WithCancel(ctx)
	var listener sync.WaitGroup
	defer listener.Wait()
	defer deaf()
	if d.topic != nil {
		listener.Go(func() { d.drafts.listen(ears, account) })
	}
	consume := d.consume
	consume.Box = queue.OutboxOf(account)
	return d.queue.Consume(ctx, consume, d.handle)
}

// Outboxes lists the boxes that this node works through now: the common one, and those
// of the accounts it serves.
func (d *Deliverer) Outboxes() []queue.Box {
	boxes := []queue.Box{queue.Outbox}
	d.drafts.mu.Lock()
	defer d.drafts.mu.Unlock()
	for account := range d.drafts.served {
		boxes = append(boxes, queue.OutboxOf(account))
	}
	return boxes
}

// errElsewhere is why a reply waits in the common outbox that another node must send.
var errElsewhere = errors.New("another node has the account's connection")

// elsewhere refuses a reply that was put into the common outbox before its account had
// one of its own: it waits there for the node that serves the account, with all that is
// noted of it.
func (d *Deliverer) elsewhere(account core.Account, box queue.Box) error {
	d.drafts.mu.Lock()
	defer d.drafts.mu.Unlock()
	if d.drafts.isElsewhere(account, box) {
		return fault.New(fault.RateLimited, "send", errElsewhere, fault.WithWait(jitter(time.Second)))
	}
	return nil
}

// isElsewhere tells whether this node cannot send what is in a box. w.mu is held.
func (w *drafts) isElsewhere(account core.Account, box queue.Box) bool {
	return box == queue.Outbox && w.d.lanes.Own(account) && w.served[account] == 0
}

// isAway tells whether drafts of an account are shown by another node. w.mu is held.
func (w *drafts) isAway(account core.Account) bool {
	return w.d.topic != nil && w.d.lanes.Own(account) && w.served[account] == 0
}

// serve counts who serves an account.
func (w *drafts) serve(account core.Account, by int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.served[account] += by; w.served[account] == 0 {
		delete(w.served, account)
	}
}

// told is a draft on its way to the node that can show it.
type told struct {
	Token queue.Token     `json:"token"`
	Reply json.RawMessage `json:"reply"`
}

// draftsTopic is where the node that serves an account is told of its drafts.
func draftsTopic(account core.Account) string { return "drafts/" + string(account) }

// tell passes a draft on to the node that can show it. Nobody waits for its answer.
func (w *drafts) tell(ctx context.Context, r core.Reply, turn queue.Lease) {
	body, err := core.EncodeReply(r)
	if err != nil || len(body) > mostTold {
		w.d.log.Debug().Err(err).Object("reply", r).Int("bytes", len(body)).Msg("draft cannot be told")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, draftTimeout)
	defer cancel()
	if err := w.d.topic.Publish(ctx, draftsTopic(r.To.Account), encode(told{turn.Token, body})); err != nil {
		w.d.log.Debug().Err(err).Object("reply", r).Msg("draft not told")
	}
}

// listen shows what other nodes tell for an account until ctx ends.
func (w *drafts) listen(ctx context.Context, account core.Account) {
	left := func() time.Duration {
		if ctx.Err() != nil {
			return 0
		}
		return draftTimeout
	}
	for payload := range w.d.topic.Subscribe(ctx, draftsTopic(account)) {
		var m told
		if err := json.Unmarshal(payload, &m); err != nil {
			continue
		}
		r, err := core.DecodeReply(m.Reply)
		if err != nil || r.To.Account != account {
			w.d.log.Debug().Err(err).Msg("what another node told is no draft")
			continue
		}
		w.show(r, queue.Lease{Token: m.Token, Left: left}, true) //nolint:contextcheck // drafts live as long as Run does
	}
}
