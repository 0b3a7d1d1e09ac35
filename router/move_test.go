package router_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// town is a rig whose people can link their accounts by words: "link N" makes the
// sender's person part of that of account N, "unlink" makes the account a person of
// its own. Everything is answered with what was said before it in its memory.
type town struct {
	*rig
	dir *session.Linked

	mu sync.Mutex
	// links are what a store would hold.
	links map[core.PersonID]core.PersonID
	// done are the turns whose change is stored already: a rerun changes nothing.
	done map[core.EnvelopeID]bool
	// crash makes the turns that change something fail once behind the change.
	crash   bool
	crashed map[core.EnvelopeID]bool
	fresh   int
	// hold keeps turns that say "wait" until it is closed.
	hold  chan struct{}
	began chan struct{}
}

func newTown(t *testing.T, change func(*router.DispatcherOptions)) *town {
	t.Helper()
	w := &town{
		links: map[core.PersonID]core.PersonID{}, done: map[core.EnvelopeID]bool{}, crashed: map[core.EnvelopeID]bool{},
		hold: make(chan struct{}), began: make(chan struct{}, 100),
	}
	var err error
	if w.dir, err = session.NewLinked(t.Context(), w, false); err != nil {
		t.Fatal(err)
	}
	w.rig = newRig(t, w.handle, func(o *router.DispatcherOptions) {
		o.Memories.Directory = w.dir
		if change != nil {
			change(o)
		}
	})
	return w
}

func (w *town) Since(context.Context, session.Mark) (out []session.Link, all bool, now session.Mark, err error) {
	for base, person := range w.links {
		out = append(out, session.Link{Base: base, Person: person})
	}
	return out, true, session.Mark{}, nil
}

// account is one of a person's, in private.
func account(n int) (core.Sender, core.Conversation) {
	realm := core.Realm(fmt.Sprint("r", n%2))
	return core.Sender{Realm: realm, ID: core.UserID(fmt.Sprint(n))},
		core.Conversation{Account: core.Account(fmt.Sprint("a", n%2)), Place: core.Private, Chat: core.ChatID(fmt.Sprint(n))}
}

func (w *town) tell(n int, text string) core.Envelope {
	w.t.Helper()
	from, in := account(n)
	return w.say(says(in, from.ID, text), func(e *core.Envelope) { e.From = from })
}

func (w *town) handle(ctx context.Context, t *skills.Turn, out skills.Writer) error {
	words := t.Envelope.Text()
	verb, rest, _ := strings.Cut(words, " ")
	var other int
	_, _ = fmt.Sscan(rest, &other)
	switch verb {
	case "wait":
		w.began <- struct{}{}
		select {
		case <-w.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	case "link":
		if err := w.link(ctx, t.ID, t.Person, other); err != nil {
			return err
		}
	case "unlink":
		if err := w.unlink(ctx, t.ID, t.Envelope.From.Person()); err != nil {
			return err
		}
	}
	h, err := t.Session.History()
	if err != nil {
		return err
	}
	said := make([]string, len(h))
	for i, turn := range h {
		said[i] = turn.Said[0].Text
	}
	t.Session.Append(session.Turn{ID: t.ID, At: t.Now, Said: []session.Line{{Text: words}}, Answer: "x", Tokens: 1})
	out.Reply(core.Text{Text: words + ": " + strings.Join(said, ",")})
	return nil
}

// change stores a change once a turn, as the records do, and may die behind it.
func (w *town) change(ctx context.Context, id core.EnvelopeID, do func() session.Delta) error {
	err := w.dir.Change(ctx, func(context.Context) (session.Delta, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.done[id] {
			return session.Delta{}, nil
		}
		w.done[id] = true
		d := do()
		for _, base := range d.Removed {
			delete(w.links, base)
		}
		for _, l := range d.Set {
			w.links[l.Base] = l.Person
		}
		return d, nil
	})
	if err == nil && w.crash && !w.crashed[id] {
		w.crashed[id] = true
		return fault.New(fault.Retryable, "crash", errors.New("killed before the commit"), fault.WithWait(time.Millisecond))
	}
	return err
}

func (w *town) link(ctx context.Context, id core.EnvelopeID, person core.PersonID, other int) error {
	from, _ := account(other)
	return w.change(ctx, id, func() (d session.Delta) {
		to := from.Person()
		if p, ok := w.links[to]; ok {
			to = p
		}
		if to == person {
			return d
		}
		for base, p := range w.links {
			if p == person {
				d.Set = append(d.Set, session.Link{Base: base, Person: to})
			}
		}
		if _, linked := w.links[person]; !linked {
			d.Set = append(d.Set, session.Link{Base: person, Person: to})
		}
		return d
	})
}

func (w *town) unlink(ctx context.Context, id core.EnvelopeID, base core.PersonID) error {
	return w.change(ctx, id, func() session.Delta {
		for other, p := range w.links {
			if p == base && other != base { // others are the person of that name
				w.fresh++
				return session.Delta{Set: []session.Link{{Base: base, Person: core.PersonID(fmt.Sprint("fresh", w.fresh))}}}
			}
		}
		return session.Delta{Removed: []core.PersonID{base}}
	})
}

func (w *town) expect(want ...string) {
	w.t.Helper()
	for _, text := range want {
		if got := w.text(); got != text {
			w.t.Fatalf("%q, want %q", got, text)
		}
	}
}

// empty waits until nothing is left in the inbox: nothing more can be answered.
func (w *town) empty() {
	w.t.Helper()
	w.until("the inbox is empty", func() bool {
		s, err := w.queue.Stats(context.Background(), queue.Inbox)
		return err == nil && s.Items == 0
	})
}

// The turn that links takes along what is remembered and what waits, in one step,
// with and without a crash between the link and the commit.
func TestTheLinkingTurnHandsOver(t *testing.T) {
	for name, crash := range map[string]bool{"at once": false, "after a crash": true} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, nil)
			w.crash = crash
			w.run()
			w.tell(1, "a")
			w.expect("a: ")
			w.tell(2, "b")
			w.expect("b: ")
			w.tell(1, "c")
			w.expect("c: a")
			// What waits behind the link is of the new person already.
			w.tell(1, "wait")
			<-w.began
			w.tell(1, "link 2")
			for i := range 40 { // more than one delivery holds
				w.tell(1, fmt.Sprint(i))
			}
			close(w.hold)
			w.expect("wait: a,c")
			link := "link 2: a,c,wait"
			if crash {
				link = "link 2: a,b,c,wait"
			}
			w.expect(link)
			said := "a,b,c,wait,link 2"
			for i := range 40 {
				w.expect(fmt.Sprintf("%d: %s", i, said))
				said += fmt.Sprint(",", i)
			}
			w.tell(2, "d")
			w.expect("d: " + said)
			w.empty()
			if len(w.replies) > 0 {
				t.Error("something was answered twice")
			}
		})
	}
}

// A link made elsewhere, by an operator or another account: what waits goes where
// the account belongs now, and a wake brings the memory after it.
func TestWhatWaitsFollowsALink(t *testing.T) {
	w := newTown(t, nil)
	stop := w.run()
	w.tell(1, "a")
	w.expect("a: ")
	w.tell(2, "b")
	w.expect("b: ")
	w.empty()
	stop()
	w.tell(1, "c")
	w.tell(1, "d")
	if err := w.link(t.Context(), "operator", w.person(1), 2); err != nil {
		t.Fatal(err)
	}
	w.run()
	w.expect("c: a,b", "d: a,b,c")
	w.tell(2, "e")
	w.expect("e: a,b,c,d")

	// Nothing waits: only a wake can know.
	w.tell(3, "f")
	w.expect("f: ")
	before := w.person(3)
	if err := w.link(t.Context(), "again", before, 2); err != nil {
		t.Fatal(err)
	}
	from, in := account(3)
	wake, err := router.Wake(session.Key{Scope: session.OfPerson, Owner: string(before)}, in, from, "again")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // an operator may do it twice
		if _, err := w.queue.Publish(t.Context(), wake.Key, wake.Item); err != nil {
			t.Fatal(err)
		}
	}
	w.empty()
	w.tell(2, "g")
	w.expect("g: a,b,c,d,e,f")
}

func (w *town) person(n int) core.PersonID {
	w.t.Helper()
	from, _ := account(n)
	p, err := w.dir.PersonOf(w.t.Context(), from)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// Who leaves takes nothing along but what they said meanwhile.
func TestUnlinkLeavesTheMemory(t *testing.T) {
	for name, leaver := range map[string]int{"who joined": 1, "who was joined": 2} {
		t.Run(name, func(t *testing.T) {
			stayer := 3 - leaver
			w := newTown(t, nil)
			stop := w.run()
			w.tell(1, "a")
			w.expect("a: ")
			w.tell(1, "link 2")
			w.expect("link 2: a")
			w.empty()
			stop()
			w.tell(stayer, "b")
			w.tell(leaver, "c")
			w.tell(stayer, "d")
			from, _ := account(leaver)
			if err := w.unlink(t.Context(), "operator", from.Person()); err != nil {
				t.Fatal(err)
			}
			w.run()
			got := []string{w.text(), w.text(), w.text()}
			slices.Sort(got)
			if want := []string{"b: a,link 2", "c: ", "d: a,link 2,b"}; !slices.Equal(got, want) {
				t.Fatalf("%q, want %q", got, want)
			}
			w.tell(leaver, "e")
			w.expect("e: c")
		})
	}
}

// A policy moves what waits, never what is remembered.
func TestAPolicyMovesNoMemory(t *testing.T) {
	w := newTown(t, nil)
	stop := w.run()
	w.tell(1, "a")
	w.expect("a: ")
	w.empty()
	stop()
	w.tell(1, "b")
	w.opts.Memories.Policy = session.Policy{Private: session.OfPlace}
	w.intake = router.NewIntake(w.queue, w.opts.Memories, w.rig, time.Now)
	w.run()
	w.expect("b: ")
	w.tell(1, "c")
	w.expect("c: b")
}

func TestForgetEmptiesAMailbox(t *testing.T) {
	w := newTown(t, nil)
	w.run()
	w.tell(1, "a")
	w.expect("a: ")
	from, in := account(1)
	for _, k := range session.PrivateKeys(in, from.Person(), w.person(1)) {
		out, err := router.Forget(k, in, from, "turn")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.queue.Publish(t.Context(), out.Key, out.Item); err != nil {
			t.Fatal(err)
		}
	}
	w.empty()
	w.tell(1, "b")
	w.expect("b: ")
	w.tell(1, "c")
	w.expect("c: b")
}

func TestRepliesElsewhereGoToPrivateChatsOnly(t *testing.T) {
	_, there := account(2)
	to := there
	r := newRig(t, func(_ context.Context, t *skills.Turn, w skills.Writer) error {
		w.ReplyIn(to, "them", core.Text{Text: "news"})
		w.Draft(core.Text{Text: "growing"})
		w.Reply(core.Text{Text: "done"})
		w.ReplyIn(to, "them")
		return nil
	}, nil)
	r.run()
	e := r.say(says(private, "1", "x"))
	got := map[core.ReplyID]core.Reply{}
	for range 2 {
		reply := r.next()
		got[reply.ID] = reply
	}
	if here := got[core.ReplyTo(e.ID, 0)]; here.To != e.In || here.Person != e.From.Person() {
		t.Errorf("here: %+v", here)
	}
	if news := got[core.ReplyTo(e.ID, 1)]; news.To != there || news.Person != "them" || !news.Final || news.InReplyTo != "" {
		t.Errorf("there: %+v", news)
	}
	to.Place = core.Group
	r.say(says(private, "1", "y"))
	r.until("buried", func() bool {
		s, err := r.queue.Stats(context.Background(), queue.Inbox)
		return err == nil && s.Dead == 1
	})
	if len(r.replies) > 0 {
		t.Errorf("a group was told: %+v", <-r.replies)
	}
}
