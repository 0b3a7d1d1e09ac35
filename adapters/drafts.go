package adapters

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
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
	// draftSilence is how long a draft lives that is neither renewed nor ended.
	draftSilence = 5 * time.Minute
	// finalsKept is how long the reply of a final is remembered, to ignore the
	// drafts that come late.
	finalsKept = 10 * time.Minute
)

// Draft shows a reply that is not final: the newest wins, nothing is promised, and
// it never blocks. Without parts it shows typing, until there are words, the final
// comes or StopDraft is called. Drafts of a reply whose final came are ignored.
func (d *Deliverer) Draft(r core.Reply) { d.drafts.show(r) }

// StopDraft ends the drafts of a reply whose turn ended, well or not. It never
// blocks. What stands in the chat stays; a later final or draft of the same reply
// goes on with it.
func (d *Deliverer) StopDraft(id core.ReplyID) { d.drafts.stop(id) }

// drafts holds what is being shown. There is at most one goroutine per chat, alive
// while there is something to show in it.
type drafts struct {
	d *Deliverer

	mu      sync.Mutex
	ctx     context.Context // of the workers; nil before start and after its end
	workers sync.WaitGroup
	chats   map[chatKey]*chatDrafts
	replies map[core.ReplyID]*draft
	finals  map[core.ReplyID]time.Time
	swept   time.Time
	// run and serial make the ids of placement items unique.
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
	touched time.Time
	// typing is to be shown, next at nextTyping.
	typing     bool
	nextTyping time.Time
	// way is how words are shown here. fresh: there are words that were not shown
	// yet, to be shown from nextWords on.
	way       way
	fresh     bool
	nextWords time.Time
	// asked: the draft waits for a message of its own; message is that message.
	asked   bool
	message core.MessageID
	// busy is closed when the words under way have been shown; nil when there are none.
	busy chan struct{}
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
		finals: map[core.ReplyID]time.Time{}, run: fault.NewRef(),
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

// show takes in a draft and sees that its chat has a worker.
func (w *drafts) show(r core.Reply) {
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
		dr = &draft{
			account: a, way: wayOf(a, r.To.Place), nextWords: now.Add(wordsAfter), typing: a.types(), nextTyping: now.Add(typingAfter),
		}
		w.replies[r.ID] = dr
		c.drafts = append(c.drafts, dr)
	case r.Rev < dr.reply.Rev || len(r.Parts) == 0 && len(dr.reply.Parts) > 0:
		dr.touched = now
		return
	}
	dr.reply, dr.touched = r, now
	if len(r.Parts) > 0 && dr.way != byNone {
		dr.fresh, dr.typing = true, false
	}
	c.ring()
}

func (c *chatDrafts) ring() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// stop drops a draft. The channel it gives is closed when the words under way have
// been shown; nil when there are none.
func (w *drafts) stop(id core.ReplyID) (busy <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	dr := w.replies[id]
	if dr == nil {
		return nil
	}
	delete(w.replies, id)
	c := w.chats[chatKey{dr.reply.To.Account, dr.reply.To.Chat}]
	c.drafts = slices.DeleteFunc(c.drafts, func(other *draft) bool { return other == dr })
	c.ring()
	return dr.busy
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
	busy := w.stop(id)
	if busy == nil {
		return nil
	}
	select {
	case <-busy:
		return nil
	case <-ctx.Done():
		return fault.New(fault.Retryable, "send", ctx.Err())
	}
}
