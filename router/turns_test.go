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

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/logtest"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

func TestAnswersInOrderAndRecordsEverything(t *testing.T) {
	r := newRig(t, echo, nil)
	var ids []core.EnvelopeID
	for i := range 20 {
		ids = append(ids, r.say(says(private, "1", fmt.Sprint(i))).ID)
	}
	r.run()
	for i := range 20 {
		reply := r.next()
		if got := core.JoinText(reply.Parts); got != fmt.Sprint("re: ", i) || reply.ID != core.ReplyTo(ids[i], 0) || !reply.Final {
			t.Fatalf("reply %d: %q %+v", i, got, reply)
		}
	}
	r.until("all recorded", func() bool { return slices.Equal(r.heard, ids) })
}

func TestTheSameMessageTwiceIsAnsweredOnce(t *testing.T) {
	r := newRig(t, echo, nil)
	e := r.say(says(private, "1", "x"))
	if err := r.intake.Accept(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	r.run()
	r.text()
	r.say(says(private, "1", "y"))
	if got := r.text(); got != "re: y" {
		t.Errorf("%q", got)
	}
	if r.until("counted", func() bool { return r.count(core.StageDuplicate) == 1 }); len(r.replies) > 0 {
		t.Error("answered twice")
	}
}

func TestMemoryIsTheConversationsOwn(t *testing.T) {
	seen := func(_ context.Context, t *skills.Turn, w skills.Writer) error {
		h, err := t.Session.History()
		if err != nil {
			return err
		}
		var said []string
		for _, turn := range h {
			said = append(said, turn.Said[0].Text)
		}
		t.Session.Append(session.Turn{ID: t.ID, Said: []session.Line{{Text: t.Envelope.Text()}}, Tokens: 1})
		w.Reply(core.Text{Text: strings.Join(said, ",")})
		return nil
	}
	r := newRig(t, seen, nil)
	r.run()
	for _, c := range []struct {
		e    core.Envelope
		want string
	}{
		{says(private, "1", "a"), ""},
		{says(core.Conversation{Account: "a", Place: core.Private, Chat: "2"}, "2", "b"), ""},
		{addressed(says(group, "1", "c")), ""},
		{addressed(says(thread, "1", "d")), ""},
		{says(private, "1", "e"), "a"},
		{addressed(says(group, "2", "f")), "c"},
		{says(core.Conversation{Account: "b", Place: core.Private, Chat: "9"}, "1", "g"), "a,e"},
	} {
		r.say(c.e)
		if got := r.text(); got != c.want {
			t.Errorf("%s saw %q, want %q", c.e.Text(), got, c.want)
		}
	}
}

func TestASlowConversationStallsNobody(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t, func(ctx context.Context, turn *skills.Turn, w skills.Writer) error {
		if turn.Envelope.Text() == "slow" {
			select {
			case <-release:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return echo(ctx, turn, w)
	}, nil)
	r.run()
	r.say(says(private, "1", "slow"))
	r.say(says(private, "1", "behind it"))
	for i := range 50 {
		in := core.Conversation{Account: "a", Place: core.Private, Chat: core.ChatID(fmt.Sprint("c", i))}
		r.say(says(in, core.UserID(fmt.Sprint("u", i)), "quick"))
	}
	for range 50 {
		if got := r.text(); got != "re: quick" {
			t.Fatalf("%q", got)
		}
	}
	close(release)
	if a, b := r.text(), r.text(); a != "re: slow" || b != "re: behind it" {
		t.Errorf("%q, %q", a, b)
	}
}

func TestAlbumIsOneTurn(t *testing.T) {
	r := newRig(t, func(_ context.Context, turn *skills.Turn, w skills.Writer) error {
		w.Reply(core.Text{Text: fmt.Sprint(len(turn.Envelope.Parts))})
		return nil
	}, nil)
	r.run()
	photo := func(e *core.Envelope) {
		e.Album, e.Parts = "album", []core.Part{core.Media{Kind: core.Image, File: "f"}}
	}
	for range 3 {
		r.say(says(private, "1", ""), photo)
	}
	r.say(says(private, "1", "and this"))
	if a, b := r.text(), r.text(); a != "3" || b != "1" {
		t.Errorf("answered %q, then %q", a, b)
	}
	r.until("all recorded", func() bool { return len(r.heard) == 4 })
}

func TestEditOfAWaitingMessageReplacesIt(t *testing.T) {
	r := newRig(t, echo, nil)
	first := r.say(says(private, "1", "wrnog"))
	r.say(says(private, "1", "second"))
	edit := func(text string) {
		e := kind(says(private, "1", ""), core.KindEdit, core.Text{Text: text})
		r.say(e, func(e *core.Envelope) { e.Native = first.Native })
	}
	edit("wrong")
	edit("right")
	r.run()
	if a, b := r.text(), r.text(); a != "re: right" || b != "re: second" {
		t.Errorf("%q, %q", a, b)
	}
	edit("too late")
	r.say(says(private, "1", "third"))
	if got := r.text(); got != "re: third" {
		t.Errorf("%q", got)
	}
	r.until("all recorded", func() bool { return len(r.heard) >= 6 })
}

func TestWhatWasTakenBackIsNotAnswered(t *testing.T) {
	r := newRig(t, echo, nil)
	first := r.say(says(private, "1", "forget this"))
	r.say(says(private, "1", "second"))
	r.say(kind(says(private, "1", ""), core.KindDelete), func(e *core.Envelope) { e.Native = first.Native })
	r.run()
	if got := r.text(); got != "re: second" {
		t.Errorf("%q", got)
	}
	r.until("all recorded", func() bool { return len(r.heard) == 3 })
	if len(r.replies) > 0 {
		t.Error("something was answered that was taken back")
	}
}

func TestCollectMergesWhatWaits(t *testing.T) {
	r := newRig(t, echo, func(o *router.DispatcherOptions) { o.Collect = 2 * time.Second })
	for i := range 5 {
		r.say(says(private, "1", fmt.Sprint(i)))
	}
	r.say(says(private, "1", "later"), func(e *core.Envelope) { e.SentAt = time.Unix(100, 0) })
	r.say(says(private, "1", "/help"), func(e *core.Envelope) { e.SentAt = time.Unix(100, 0) })
	r.run()
	for _, want := range []string{"re: 0\n1\n2\n3\n4", "re: later", "re: "} {
		if got := r.text(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	r.until("none lost", func() bool { return len(r.heard) == 7 })
}

func TestFailuresAreTriedAgainThenToldAndKept(t *testing.T) {
	fails := 2
	var log logtest.Log
	r := newRig(t, func(ctx context.Context, turn *skills.Turn, w skills.Writer) error {
		w.Draft()
		if turn.Envelope.Text() == "never" || turn.Attempt <= fails {
			return fault.New(fault.Retryable, "worker", errors.New("refused"), fault.WithWait(time.Millisecond), fault.WithPublic("The model is away."))
		}
		return echo(ctx, turn, w)
	}, func(o *router.DispatcherOptions) { o.Log = zerolog.New(&log) })
	r.run()
	r.say(says(private, "1", "x"))
	if got := r.text(); got != "re: x" {
		t.Errorf("%q", got)
	}
	if told := log.String(); strings.Count(told, "it is tried again") != fails || !strings.Contains(told, `"attempt":2,"wait":1`) || !strings.Contains(told, "refused") {
		t.Errorf("log:\n%s", told)
	}
	e := r.say(says(private, "1", "never"))
	apology := r.next()
	if got := core.JoinText(apology.Parts); !strings.HasPrefix(got, "The model is away. (") || apology.To != e.In {
		t.Errorf("%q", got)
	}
	letters, err := r.queue.DeadLetters().List(t.Context(), queue.Inbox, 0, 10)
	if err != nil || len(letters) != 1 || letters[0].Item.ID != string(e.ID) || !strings.Contains(letters[0].Reason, "refused") {
		t.Fatalf("%v %+v", err, letters)
	}
	if len(r.stopped) == 0 {
		t.Error("the draft of a failed turn was not taken back")
	}
}

// TestDrafted: a skill learns whether its words were seen, not whether it said them.
func TestDrafted(t *testing.T) {
	var seen []bool
	r := newRig(t, func(_ context.Context, _ *skills.Turn, w skills.Writer) error {
		for _, words := range []string{"", "hidden", "words"} {
			if w.Draft(); words != "" {
				w.Draft(core.Text{Text: words})
			}
			seen = append(seen, w.Drafted())
		}
		w.Reply(core.Text{Text: "one"})
		seen = append(seen, w.Drafted())
		return nil
	}, nil)
	r.run()
	r.say(says(private, "1", "x"))
	r.text()
	if !slices.Equal(seen, []bool{false, false, true, false}) {
		t.Errorf("seen: %v", seen)
	}
}

// TestDraftsSettleBeforeTheCommit: when a final can be delivered, its drafts are over.
func TestDraftsSettleBeforeTheCommit(t *testing.T) {
	own := queue.NewLanes(private.Account)
	r := newRig(t, func(_ context.Context, _ *skills.Turn, w skills.Writer) error {
		for _, word := range []string{"one", "two"} {
			w.Draft()
			w.Draft(core.Text{Text: word[:1]})
			w.Reply(core.Text{Text: word})
		}
		w.Reply(core.Text{Text: "three"})
		w.Draft(core.Text{Text: "never finished"})
		return nil
	}, func(o *router.DispatcherOptions) { o.Lane = own.Of })
	r.run()
	e := r.say(says(private, "1", "x"))
	r.until("committed", func() bool { return r.count(core.StageCommitted) == 1 })
	r.mu.Lock()
	defer r.mu.Unlock()
	one, two, never := core.ReplyTo(e.ID, 0), core.ReplyTo(e.ID, 1), core.ReplyTo(e.ID, 3)
	if !slices.Equal(r.settled, []core.ReplyID{one, two}) || !slices.Equal(r.stopped, []core.ReplyID{never}) {
		t.Errorf("settled %v, stopped %v", r.settled, r.stopped)
	}
	for box, want := range map[queue.Box]int{queue.Outbox: 0, queue.OutboxOf(private.Account): 3} {
		if s, err := r.queue.Stats(t.Context(), box); err != nil || s.Items != want {
			t.Errorf("%s holds %d, want %d: %v", box, s.Items, want, err)
		}
	}
}

func TestWhatWillNeverWorkIsToldAtOnceAndCanBeReplayed(t *testing.T) {
	var mended sync.Map
	r := newRig(t, func(ctx context.Context, turn *skills.Turn, w skills.Writer) error {
		if _, ok := mended.Load("x"); !ok {
			w.Reply(core.Text{Text: "half an answer that must not be sent"})
			panic("boom")
		}
		return echo(ctx, turn, w)
	}, nil)
	r.run()
	r.say(says(private, "1", "x"))
	if got := r.text(); !strings.HasPrefix(got, "Something went wrong on my side. (") {
		t.Errorf("%q", got)
	}
	letters, err := r.queue.DeadLetters().List(t.Context(), queue.Inbox, 0, 10)
	if err != nil || len(letters) != 1 {
		t.Fatalf("%v %+v", err, letters)
	}
	mended.Store("x", true)
	if err := r.queue.DeadLetters().Replay(t.Context(), letters[0].ID); err != nil {
		t.Fatal(err)
	}
	if got := r.text(); got != "re: x" {
		t.Errorf("%q", got)
	}
}

func TestStrangersAreRefusedAndBystandersHeard(t *testing.T) {
	r := newRig(t, func(_ context.Context, turn *skills.Turn, w skills.Writer) error {
		var lines []string
		for _, l := range turn.Session.TakeHeard() {
			lines = append(lines, l.Name+":"+l.Text)
		}
		w.Reply(core.Text{Text: strings.Join(lines, ",")})
		return nil
	}, func(o *router.DispatcherOptions) {
		o.Ambient = 2
		o.Table = table(t, func(o *router.TableOptions) { o.Access.DM = router.Listed })
	})
	r.run()
	r.say(says(private, "1", "let me in"))
	if got := r.text(); !strings.HasPrefix(got, "Sorry") {
		t.Errorf("%q", got)
	}
	for i := range 3 {
		r.say(says(group, "1", fmt.Sprint(i)), func(e *core.Envelope) { e.From.Name = "Ada" })
	}
	question := r.say(addressed(says(group, "2", "and you?")))
	reply := r.next()
	if got := core.JoinText(reply.Parts); got != "Ada:1,Ada:2" || reply.InReplyTo != question.Native {
		t.Errorf("%q %+v", got, reply)
	}
}

func TestMemoryFollowsAMovedPlace(t *testing.T) {
	r := newRig(t, func(ctx context.Context, turn *skills.Turn, w skills.Writer) error {
		h, err := turn.Session.History()
		if err != nil {
			return err
		}
		w.Draft()
		chosen := turn.Session.Model()
		turn.Session.SetModel("fast", "admin")
		return echo(ctx, turn, writerFunc(func(core.Part) { w.Reply(core.Text{Text: fmt.Sprint(len(h), chosen)}) }))
	}, nil)
	r.run()
	r.say(addressed(says(group, "1", "a")))
	r.say(addressed(says(group, "1", "b")))
	if a, b := r.text(), r.text(); a != "0" || b != "1fast" {
		t.Errorf("%q %q", a, b)
	}
	there := group
	there.Chat = "-100"
	r.say(kind(says(group, "1", ""), core.KindMoved, core.Moved{To: there}))
	r.until("moved", func() bool { return r.count(core.StageIgnored) == 1 })
	r.say(addressed(says(there, "1", "c")))
	if got := r.text(); got != "2fast" {
		t.Errorf("the new place remembers %q", got)
	}
	r.say(addressed(says(group, "1", "d")))
	if got := r.text(); got != "0" {
		t.Errorf("the old place remembers %q", got)
	}
}

type writerFunc func(core.Part)

func (writerFunc) Draft(...core.Part)     {}
func (writerFunc) Drafted() bool          { return false }
func (f writerFunc) Reply(p ...core.Part) { f(p[0]) }

func (writerFunc) ReplyIn(core.Conversation, core.PersonID, ...core.Part) {}

func (writerFunc) Ask(skills.Question) {}

func TestStopHandsUnfinishedTurnsBack(t *testing.T) {
	began := make(chan struct{}, 10)
	var attempts []int
	r := newRig(t, func(ctx context.Context, turn *skills.Turn, w skills.Writer) error {
		attempts = append(attempts, turn.Attempt)
		began <- struct{}{}
		if len(attempts) == 1 {
			<-ctx.Done()
			return ctx.Err()
		}
		return echo(ctx, turn, w)
	}, func(o *router.DispatcherOptions) { o.Grace = time.Millisecond })
	stop := r.run()
	r.say(says(private, "1", "x"))
	<-began
	stop()
	r.run()
	if got := r.text(); got != "re: x" || !slices.Equal(attempts, []int{1, 1}) {
		t.Errorf("%q after attempts %v", got, attempts)
	}
}

func TestUnreadableItemIsBuriedAndTheNextIsAnswered(t *testing.T) {
	r := newRig(t, echo, nil)
	e := says(private, "1", "x")
	key := router.Mailbox(session.Policy{}.KeyOf(e.In, e.From, e.From.Person()))
	if _, err := r.queue.Publish(t.Context(), key, queue.Item{ID: "bad", Body: []byte("{")}); err != nil {
		t.Fatal(err)
	}
	r.run()
	r.say(e)
	if got := r.text(); got != "re: x" {
		t.Errorf("%q", got)
	}
	s, err := r.queue.Stats(t.Context(), queue.Inbox)
	if err != nil || s.Dead != 1 {
		t.Errorf("%v %+v", err, s)
	}
}
