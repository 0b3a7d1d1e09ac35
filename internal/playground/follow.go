package playground

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/parley-hub/parley/internal/console"
	"github.com/parley-hub/parley/simulators"
)

// Subscribe implements console.Playground. Whatever happens in a chat, the chat is
// looked at and what is not as it was is told: so that a reaction, a tick or an answer in
// a thread needs no rule of its own, and many changes at once are one.
func (p *Playground) Subscribe(ctx context.Context) <-chan console.Update {
	f := &follower{
		p: p, out: make(chan console.Update), wake: make(chan struct{}, 1),
		dirty: map[string]bool{}, shown: map[string][]console.Bubble{}, typing: map[string]time.Time{}, known: map[string]bool{},
	}
	var watching sync.WaitGroup
	for _, s := range p.phones {
		var chats []string
		for _, place := range s.info.Places {
			for _, chat := range place.Chats {
				chats = append(chats, chat)
				f.shown[chat] = p.Transcript(chat)
			}
		}
		watching.Go(func() {
			s.watch(ctx, func(h happening) { f.touch(s.info.ID+"-"+h.chat, h.typing) }, func() { f.touchAll(chats) })
		})
	}
	leave := p.incidents.follow(f.touchNotes)
	go func() {
		defer close(f.out)
		defer watching.Wait()
		defer leave()
		f.run(ctx)
	}()
	return f.out
}

// follower tells one page what changes.
type follower struct {
	p    *Playground
	out  chan console.Update
	wake chan struct{}
	// shown is what the page shows of each chat; only run uses it.
	shown map[string][]console.Bubble

	mu    sync.Mutex
	dirty map[string]bool
	notes []string
	// typing tells until when the bot types in a chat; known whether the page knows.
	typing map[string]time.Time
	known  map[string]bool
}

func (f *follower) touch(chat string, typing time.Duration) {
	f.mu.Lock()
	switch {
	case typing > 0:
		f.typing[chat] = time.Now().Add(typing)
	case typing < 0:
		delete(f.typing, chat)
	}
	f.dirty[chat] = true
	f.mu.Unlock()
	f.ring()
}

func (f *follower) touchAll(chats []string) {
	f.mu.Lock()
	for _, chat := range chats {
		f.dirty[chat] = true
	}
	f.mu.Unlock()
	f.ring()
}

func (f *follower) touchNotes(phone string) {
	f.mu.Lock()
	f.notes = append(f.notes, phone)
	f.mu.Unlock()
	f.ring()
}

func (f *follower) ring() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *follower) run(ctx context.Context) {
	quiet := time.NewTimer(time.Hour)
	defer quiet.Stop()
	for {
		f.mu.Lock()
		dirty, notes := f.dirty, f.notes
		f.dirty, f.notes = map[string]bool{}, nil
		updates, next := f.typists(time.Now())
		f.mu.Unlock()
		for chat := range dirty {
			updates = append(updates, f.changes(chat)...)
		}
		for _, phone := range notes {
			updates = append(updates, console.Update{Phone: phone})
		}
		for _, u := range updates {
			select {
			case f.out <- u:
			case <-ctx.Done():
				return
			}
		}
		quiet.Reset(next)
		select {
		case <-f.wake:
		case <-quiet.C:
		case <-ctx.Done():
			return
		}
	}
}

// typists tells who began to type and who stopped, and when to look again. f.mu is held.
func (f *follower) typists(now time.Time) (out []console.Update, next time.Duration) {
	next = time.Hour
	for chat, until := range f.typing {
		left := until.Sub(now)
		if left <= 0 {
			delete(f.typing, chat)
			continue
		}
		next = min(next, left)
		if !f.known[chat] {
			f.known[chat] = true
			out = append(out, console.Update{Chat: chat, Typing: &console.Typing{Name: botName, On: true}})
		}
	}
	for chat := range f.known {
		if _, on := f.typing[chat]; !on {
			delete(f.known, chat)
			out = append(out, console.Update{Chat: chat, Typing: &console.Typing{Name: botName}})
		}
	}
	return out, next
}

// changes are what makes of the shown chat the one there is.
func (f *follower) changes(chat string) []console.Update {
	was, is := f.shown[chat], f.p.Transcript(chat)
	f.shown[chat] = is
	old := make(map[string]console.Bubble, len(was))
	for _, b := range was {
		old[b.ID] = b
	}
	var out []console.Update
	after := ""
	for _, b := range is {
		before, there := old[b.ID]
		delete(old, b.ID)
		if !there || !reflect.DeepEqual(before, b) {
			out = append(out, console.Update{Chat: chat, Bubble: &b, After: after})
		}
		after = b.ID
	}
	for _, b := range was {
		if _, gone := old[b.ID]; gone {
			out = append(out, console.Update{Chat: chat, Removed: b.ID})
		}
	}
	return out
}

// watch passes on what a simulator tells. At its beginning, and after something was
// missed, all is to be looked at.
func watch[E any](ctx context.Context, sub *simulators.Subscription[E], each func(E), lost func()) {
	defer sub.Close()
	lost()
	missed := sub.Lost()
	for {
		select {
		case e, ok := <-sub.C:
			if !ok {
				return
			}
			each(e)
			if n := sub.Lost(); n > missed {
				missed = n
				lost()
			}
		case <-ctx.Done():
			return
		}
	}
}

// watchBuffer is how many events a page may be behind.
const watchBuffer = 256
