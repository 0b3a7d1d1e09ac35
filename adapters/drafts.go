package adapters

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
)

const (
	// typingAfter is how long a turn may take before typing is shown: an instant
	// answer costs no extra call.
	typingAfter = 150 * time.Millisecond
	// wordsAfter is how long a turn may take before its words are shown while they
	// grow: an answer that is there by then is sent once and no more.
	wordsAfter = 300 * time.Millisecond
	// draftEvery paces the drafts of a platform that does not say how often.
	draftEvery = time.Second
	// draftTimeout bounds a call that shows a draft; a final may wait this long for
	// the draft before it.
	draftTimeout = 5 * time.Second
	// cutAfter is how long a call that shows a draft may go on behind the end of its turn.
	cutAfter = time.Second
	// draftSilence is how long a draft lives that is neither renewed nor ended.
	draftSilence = 5 * time.Minute
	// finalsKept is how long the reply of a final is remembered, to ignore the
	// drafts that come late.
	finalsKept = 10 * time.Minute
)

// Draft shows a reply that is not final: the newest wins, nothing is promised, and
// it never blocks. Without parts it shows typing, until there are words, the final
// comes or StopDraft is called. Drafts of a reply whose final came are ignored. Where
// there are several nodes, nothing is shown any more once the lease of its turn may have
// been lost: another node may have begun the turn anew.
func (d *Deliverer) Draft(r core.Reply, turn queue.Lease) { d.drafts.show(r, turn, false) }

// SettleDraft is called before the final of a reply is committed, so that no draft
// lands behind it. Where several nodes deliver it ends the drafts, and waits for the one
// that is being shown. One node alone has nothing to do here: what delivers the final
// waits for the draft by itself, and holds up no turn.
func (d *Deliverer) SettleDraft(ctx context.Context, id core.ReplyID, turn queue.Token) {
	if d.topic != nil {
		d.drafts.halt(ctx, id, turn)
	}
}

// StopDraft ends the drafts of a reply whose turn failed, and waits for the one that is
// being shown; soon after ctx ends, that one is cut off. Drafts of a later turn are left
// alone. What stands in the chat stays; a later final or draft of the same reply goes on
// with it.
func (d *Deliverer) StopDraft(ctx context.Context, id core.ReplyID, turn queue.Token) {
	d.drafts.halt(ctx, id, turn)
}

// Drafted tells whether words of a reply's draft were given to the platform, or to the node
// that shows them: from then on somebody may have read them.
func (d *Deliverer) Drafted(id core.ReplyID) bool {
	d.drafts.mu.Lock()
	defer d.drafts.mu.Unlock()
	dr := d.drafts.replies[id]
	return dr != nil && dr.given
}

// drafts holds what is being shown. There is at most one goroutine per chat, alive
// while there is something to show in it.
type drafts struct {
	d *Deliverer

	mu      sync.Mutex
	ctx     context.Context // of the workers; nil before start and after its end
	workers sync.WaitGroup
	chats   map[chatKey]*chatDrafts
	replies map[core.ReplyID]*draft
	// calls are those under way that show words. One may outlive its draft.
	calls  map[core.ReplyID]*underWay
	finals map[core.ReplyID]time.Time
	swept  time.Time
	// served counts, for accounts with an outbox of their own, who serves them here.
	served map[core.Account]int
	// run and serial make the ids of placement items unique; run also names this
	// Deliverer to others.
	run    string
	serial int
}

// chatKey names a chat.
type chatKey struct {
	account core.Account
	chat    core.ChatID
}

// chatDrafts are the drafts of one chat and the bell of its worker.
type chatDrafts struct {
	drafts []*draft
	wake   chan struct{}
}

// draft is one reply that is growing. drafts.mu guards it.
type draft struct {
	account *account
	reply   core.Reply
	turn    queue.Lease
	touched time.Time
	// away: another node has the account's connection and is told what to show.
	// remote: it is another node's, told to this one; that node repeats its typing.
	away, remote bool
	// typing is to be shown, next at nextTyping.
	typing     bool
	nextTyping time.Time
	// way is how words are shown here. fresh: there are words that were not shown
	// yet, to be shown from nextWords on.
	way       way
	fresh     bool
	nextWords time.Time
	// given: words of this run of the turn left for the platform.
	given bool
	// asked: the draft waits for a message of its own; message is that message. Whoever
	// places it may be on another node, so after askAgain it is asked for anew; asks
	// counts the times.
	asked    bool
	asks     int
	askAgain time.Time
	message  core.MessageID
}

// underWay is a call that shows words: over is closed at its end, cut ends it early.
type underWay struct {
	over chan struct{}
	cut  context.CancelFunc
}

// way is how a platform shows growing words in a place.
type way uint8

const (
	// byNone: not at all, so typing goes on.
	byNone way = iota
	byDraft
	byEdit
)

func wayOf(a *account, place core.Place) way {
	c := a.about.Capabilities
	if _, ok := a.Adapter.(Drafter); ok && slices.Contains(c.DraftsIn, place) {
		return byDraft
	}
	if _, ok := a.Adapter.(Editor); ok && slices.Contains(c.EditsIn, place) {
		return byEdit
	}
	return byNone
}

// types tells whether the platform shows typing.
func (a *account) types() bool {
	_, ok := a.Adapter.(Typer)
	return ok && a.about.Capabilities.TypingFor > 0
}

// pace is the shortest time between two drafts of a reply.
func (a *account) pace(place core.Place) time.Duration {
	if every := a.about.Capabilities.DraftEvery[place]; every > 0 {
		return every
	}
	return draftEvery
}

func newDrafts(d *Deliverer) *drafts {
	return &drafts{
		d: d, chats: map[chatKey]*chatDrafts{}, replies: map[core.ReplyID]*draft{},
		calls: map[core.ReplyID]*underWay{}, finals: map[core.ReplyID]time.Time{}, served: map[core.Account]int{}, run: fault.NewRef() + fault.NewRef(),
	}
}

// start lets drafts be shown until the function it gives is called, which returns
// when all workers ended.
func (w *drafts) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	w.mu.Lock()
	w.ctx = ctx
	w.mu.Unlock()
	return func() {
		cancel()
		w.mu.Lock()
		w.ctx = nil
		w.mu.Unlock()
		w.workers.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		clear(w.chats)
		clear(w.replies)
	}
}

// show takes in a draft, of this node's own or told by another, and sees that its chat
// has a worker.
func (w *drafts) show(r core.Reply, turn queue.Lease, remote bool) {
	r.Final, r.Sent = false, nil
	a, ok := w.d.accounts[r.To.Account]
	if !ok {
		return
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, final := w.finals[r.ID]; final || w.ctx == nil {
		return
	}
	key := chatKey{r.To.Account, r.To.Chat}
	c := w.chats[key]
	if c == nil {
		c = &chatDrafts{wake: make(chan struct{}, 1)}
		w.chats[key] = c
		ctx := w.ctx
		w.workers.Go(func() { w.work(ctx, key, c) })
	}
	dr := w.replies[r.ID]
	switch {
	case dr == nil:
		dr = newDraft(a, r, remote, now)
		w.replies[r.ID] = dr
		c.drafts = append(c.drafts, dr)
	case turn.Token < dr.turn.Token:
		return // of a turn that another took over
	case turn.Token > dr.turn.Token:
		dr.fresh, dr.asked, dr.given = false, false, false // the turn was begun anew, and counts anew
	case r.Rev < dr.reply.Rev || len(r.Parts) == 0 && len(dr.reply.Parts) > 0:
		dr.touched = now
		return
	}
	dr.reply, dr.turn, dr.touched, dr.remote, dr.away = r, turn, now, remote, w.isAway(r.To.Account)
	switch {
	case len(r.Parts) > 0 && dr.way != byNone:
		dr.fresh, dr.typing = true, false
	case remote:
		dr.typing, dr.nextTyping = a.types(), now
	}
	c.ring()
}

// newDraft is a draft of which nothing was shown yet. What another node tells has
// waited there.
func newDraft(a *account, r core.Reply, remote bool, now time.Time) *draft {
	dr := &draft{account: a, way: wayOf(a, r.To.Place), nextWords: now, typing: a.types(), nextTyping: now}
	if !remote {
		dr.nextWords, dr.nextTyping = now.Add(wordsAfter), now.Add(typingAfter)
	}
	return dr
}

func (c *chatDrafts) ring() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// anyTurn is above the token of every turn.
const anyTurn = queue.Token(math.MaxUint64)

// stop drops a draft, unless it is of a later turn. It gives the call under way that
// shows its words, nil for none.
func (w *drafts) stop(id core.ReplyID, turn queue.Token) *underWay {
	w.mu.Lock()
	defer w.mu.Unlock()
	dr := w.replies[id]
	if dr == nil {
		return w.calls[id]
	}
	if dr.turn.Token > turn {
		return nil
	}
	delete(w.replies, id)
	c := w.chats[chatKey{dr.reply.To.Account, dr.reply.To.Chat}]
	c.drafts = slices.DeleteFunc(c.drafts, func(other *draft) bool { return other == dr })
	c.ring()
	return w.calls[id]
}

// halt drops a draft and waits for the words under way, at most for as long as showing
// them may take, and not for long once ctx ended.
func (w *drafts) halt(ctx context.Context, id core.ReplyID, turn queue.Token) {
	call := w.stop(id, turn)
	if call == nil {
		return
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), draftTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(cutAfter, cancel) })()
	select {
	case <-call.over:
	case <-late.Done():
		call.cut()
	}
}

// finish ends the drafts of a reply because its final comes, and waits for the one
// that is being shown: it must not overwrite the final.
func (w *drafts) finish(ctx context.Context, id core.ReplyID) error {
	now := time.Now()
	w.mu.Lock()
	w.finals[id] = now
	if now.Sub(w.swept) > finalsKept {
		w.swept = now
		for old, at := range w.finals {
			if now.Sub(at) > finalsKept {
				delete(w.finals, old)
			}
		}
	}
	w.mu.Unlock()
	call := w.stop(id, anyTurn)
	if call == nil {
		return nil
	}
	select {
	case <-call.over:
		return nil
	case <-ctx.Done():
		return fault.New(fault.Retryable, "send", ctx.Err())
	}
}
