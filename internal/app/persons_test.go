package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/blobs/dirblob"
	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/sqliteq"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/forget"
	"github.com/parley-hub/parley/skills/link"
	"github.com/parley-hub/parley/skills/unlink"
	"github.com/parley-hub/parley/storage/sqlitestore"
)

const patience = 30 * time.Second

// bench is the brain of a hub, or of several, over real stores, without platforms: a skill that says
// what it remembers, and those about people. What they answered lies in replies.
type bench struct {
	t     *testing.T
	queue queue.Queue
	blobs *dirblob.Store
	// nodes are who is who for each of them, persons the first.
	nodes   []*persons
	persons *persons
	intakes []*router.Intake
	replies chan core.Reply
	n       int
	// crash makes the turns of a skill fail once behind their work.
	mu      sync.Mutex
	crash   string
	crashed map[core.EnvelopeID]bool
}

// memory answers with what was said before.
type memory struct{}

func (memory) Manifest() skills.Manifest { return skills.Manifest{Name: "chat"} }

func (memory) Handle(_ context.Context, t *skills.Turn, w skills.Writer) error {
	history, err := t.Session.History()
	if err != nil {
		return err
	}
	var said []string
	for _, turn := range history {
		said = append(said, turn.Said[0].Text)
	}
	t.Session.Append(session.Turn{ID: t.ID, At: t.Now, Said: []session.Line{{Text: t.Args}}, Answer: "x"})
	w.Reply(core.Text{Text: t.Args + ": " + strings.Join(said, ",")})
	return nil
}

func newBench(t *testing.T, policy session.Policy) *bench {
	t.Helper()
	r, err := records.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), recordsFile))
	if err != nil {
		t.Fatal(err)
	}
	return newNodes(t, policy, r)
}

// newNodes is a bench with a brain for each of the records, all at one queue: what is
// said is taken by one after the other.
func newNodes(t *testing.T, policy session.Policy, stores ...*records.SQL) *bench {
	t.Helper()
	q, err := sqliteq.Open(t.Context(), sqliteq.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	files, err := dirblob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	b := &bench{t: t, queue: q, blobs: files, replies: make(chan core.Reply, 100), crashed: map[core.EnvelopeID]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	run := func(f func(context.Context) error) {
		running.Go(func() {
			if err := f(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
		for _, r := range stores {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, r := range stores {
		run(b.brain(r, policy).Run)
	}
	b.persons = b.nodes[0]
	run(func(ctx context.Context) error {
		return q.Consume(ctx, queue.ConsumeOptions{Box: queue.Outbox}, func(_ context.Context, d queue.Delivery) (queue.Commit, error) {
			reply, err := core.DecodeReply(d.Items[0].Body)
			b.replies <- reply
			return queue.Commit{Done: 1}, err
		})
	})
	return b
}

// brain makes a node's.
func (b *bench) brain(r *records.SQL, policy session.Policy) *router.Dispatcher {
	t := b.t
	t.Helper()
	kept, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), skillsFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	persons, err := newPersons(t.Context(), &stores{records: r, queue: b.queue, blobs: b.blobs, storage: kept}, policy, letterBoxes(&configs.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	b.nodes = append(b.nodes, persons)
	set, err := skills.NewSet(memory{}, link.New(persons, nil), unlink.New(persons), forget.New(persons))
	if err != nil {
		t.Fatal(err)
	}
	table, err := router.NewTable(router.TableOptions{
		Commands: map[string]string{"link": "link", "unlink": "unlink", "forget": "forget"},
		Skills:   []string{"chat", "link", "unlink", "forget"}, Default: "chat", Fallback: "chat",
		Access: router.Access{DM: router.Open, Groups: router.Addressed},
	})
	if err != nil {
		t.Fatal(err)
	}
	observer := core.ObserverFunc(func(core.Event) {})
	memories := router.Memories{Directory: persons.directory, Policy: policy}
	b.intakes = append(b.intakes, router.NewIntake(b.queue, memories, observer, time.Now))
	return router.NewDispatcher(router.DispatcherOptions{
		Queue: b.queue, Table: table, Skills: set, Memories: memories, Drafts: silent{}, Ledger: ledger{}, Observer: observer,
		Files: func(core.Envelope) skills.Files { return nil }, Log: zerolog.Nop(), Now: time.Now, Slots: 4, Grace: patience,
		Wrap: func(s skills.Skill) skills.Handler { return b.dying(s) },
	})
}

type silent struct{}

func (silent) Drafted(core.ReplyID) bool { return false }

func (silent) Draft(core.Reply, queue.Lease)                          {}
func (silent) SettleDraft(context.Context, core.ReplyID, queue.Token) {}
func (silent) StopDraft(context.Context, core.ReplyID, queue.Token)   {}

// dying runs a skill and fails behind its work, once a turn, while it is the one that
// is to crash: as if the hub had died before the commit.
func (b *bench) dying(s skills.Skill) skills.Handler {
	return skills.HandlerFunc(func(ctx context.Context, t *skills.Turn, w skills.Writer) error {
		err := s.Handle(ctx, t, w)
		b.mu.Lock()
		defer b.mu.Unlock()
		if err == nil && b.crash == s.Manifest().Name && !b.crashed[t.ID] {
			b.crashed[t.ID] = true
			return fault.New(fault.Retryable, "crash", errors.New("killed"), fault.WithWait(time.Millisecond))
		}
		return err
	})
}

func (b *bench) crashes(skill string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.crash = skill
}

// say has account n say something in private, and gives where.
func (b *bench) say(n int, text string) core.Conversation {
	b.t.Helper()
	b.n++
	account := core.Account(fmt.Sprint("bot", n))
	e := core.Envelope{
		ID: core.NewEnvelopeID(account, core.KindMessage, fmt.Sprint(b.n)), Kind: core.KindMessage, Addressed: true,
		In:   core.Conversation{Account: account, Place: core.Private, Chat: core.ChatID(fmt.Sprint(n))},
		From: core.Sender{Realm: core.Realm(account), ID: core.UserID(fmt.Sprint(n)), Name: fmt.Sprint("name", n)}, SentAt: time.Now(),
	}
	e.Parts = []core.Part{core.Text{Text: text}}
	if name, args, _ := strings.Cut(text, " "); strings.HasPrefix(name, "/") {
		e.Parts = []core.Part{core.Command{Name: name[1:], Args: args}}
	}
	if err := b.intakes[b.n%len(b.intakes)].Accept(b.t.Context(), e); err != nil {
		b.t.Fatal(err)
	}
	return e.In
}

// next is the next reply, wherever it goes.
func (b *bench) next() core.Reply {
	b.t.Helper()
	select {
	case r := <-b.replies:
		return r
	case <-time.After(patience):
		b.t.Fatal("no reply came")
		return core.Reply{}
	}
}

// ask gives the answer to what account n says.
func (b *bench) ask(n int, text string) string {
	b.t.Helper()
	in := b.say(n, text)
	r := b.next()
	if r.To != in {
		b.t.Fatalf("the answer to %q goes to %+v: %q", text, r.To, core.JoinText(r.Parts))
	}
	return core.JoinText(r.Parts)
}

func (b *bench) want(n int, text, want string) {
	b.t.Helper()
	if got := b.ask(n, text); got != text+": "+want {
		b.t.Fatalf("account %d: %q, want %q", n, got, text+": "+want)
	}
}

// link links account n with account to, and reads what both are told.
func (b *bench) link(to, n int) {
	b.t.Helper()
	shown := b.ask(to, "/link")
	at := strings.Index(shown, "/link ") + len("/link ")
	b.say(n, "/link "+shown[at:at+8])
	told := []string{core.JoinText(b.next().Parts), core.JoinText(b.next().Parts)}
	slices.Sort(told)
	if !strings.HasPrefix(told[0], "Linked: ") || !strings.HasPrefix(told[1], "The code that I showed you was used: ") {
		b.t.Fatalf("told: %q", told)
	}
}

// quiet says that nobody is told more.
func (b *bench) quiet() {
	b.t.Helper()
	for late := time.After(patience); ; {
		in, err := b.queue.Stats(b.t.Context(), queue.Inbox)
		out, err2 := b.queue.Stats(b.t.Context(), queue.Outbox)
		if errors.Join(err, err2) != nil {
			b.t.Fatal(err, err2)
		}
		if in.Items+out.Items == 0 {
			break
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-late:
			b.t.Fatalf("%+v, %+v", in, out)
		}
	}
	if len(b.replies) > 0 {
		b.t.Errorf("told twice: %+v", <-b.replies)
	}
}

// Whatever dies between a change of people and the commit of its turn: everybody is
// told once, and remembers what they should.
func TestPeopleThroughCrashes(t *testing.T) {
	for _, crash := range []string{"", "link", "unlink", "forget"} {
		t.Run("crash in "+crash, func(t *testing.T) {
			b := newBench(t, session.Policy{})
			b.crashes(crash)
			b.life()
		})
	}
}

// Where memories are kept apart, a link joins none, and forgetting finds them all.
func TestScopesKeepMemoriesApart(t *testing.T) {
	b := newBench(t, session.Policy{Private: session.OfAccount, Accounts: map[core.Account]session.Scope{"bot2": session.OfPlace}})
	b.want(1, "a", "")
	b.want(2, "b", "")
	b.link(1, 2)
	b.want(1, "c", "a")
	b.want(2, "d", "b")
	// Where accounts were heard is written behind them.
	if err := b.persons.records.Seen(t.Context(), []records.Address{
		{Base: core.PersonOf("bot1", "1"), In: core.Conversation{Account: "bot1", Place: core.Private, Chat: "1"}, At: time.Now()},
	}); err != nil {
		t.Fatal(err)
	}
	if got := b.ask(2, "/forget yes"); !strings.Contains(got, "accounts: 2") {
		t.Fatalf("%q", got)
	}
	b.quiet()
	b.want(1, "e", "")
	b.want(2, "f", "")
}

// Somebody who linked nothing is forgotten on each of the bot's accounts, too.
func TestForgettingWithoutLinks(t *testing.T) {
	b := newBench(t, session.Policy{Private: session.OfAccount})
	who := core.Sender{Realm: "r", ID: "1"}
	say := func(account core.Account, parts ...core.Part) string {
		t.Helper()
		b.n++
		in := core.Conversation{Account: account, Place: core.Private, Chat: "1"}
		e := core.Envelope{
			ID: core.NewEnvelopeID(account, core.KindMessage, fmt.Sprint(b.n)), Kind: core.KindMessage, Addressed: true,
			In: in, From: who, Parts: parts, SentAt: time.Now(),
		}
		if err := b.intakes[b.n%len(b.intakes)].Accept(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if err := b.persons.records.Seen(t.Context(), []records.Address{{Base: who.Person(), In: in, At: time.Now()}}); err != nil {
			t.Fatal(err)
		}
		return core.JoinText(b.next().Parts)
	}
	for _, account := range []core.Account{"bot1", "bot2"} {
		say(account, core.Text{Text: "a"})
		if got := say(account, core.Text{Text: "b"}); got != "b: a" {
			t.Fatalf("%q", got)
		}
	}
	say("bot1", core.Command{Name: "forget", Args: "yes"})
	b.quiet()
	for _, account := range []core.Account{"bot1", "bot2"} {
		if got := say(account, core.Text{Text: "c"}); got != "c: " {
			t.Errorf("%s: %q", account, got)
		}
	}
}

// What failed and was kept goes with its person, and nobody else's does.
func TestForgettingDropsLetters(t *testing.T) {
	who := func(n int) core.Sender { return core.Sender{Realm: "r", ID: core.UserID(fmt.Sprint(n))} }
	letters := &pile{}
	add := func(box queue.Box, body []byte) {
		letters.all = append(letters.all, queue.DeadLetter{ID: int64(len(letters.all) + 1), Key: queue.Key{Box: box}, Item: queue.Item{Body: body}})
	}
	for n := range 2 {
		e := core.Envelope{ID: core.EnvelopeID(fmt.Sprint("e", n)), Kind: core.KindMessage, From: who(n)}
		in, err := core.EncodeEnvelope(e)
		if err != nil {
			t.Fatal(err)
		}
		out, err := core.EncodeReply(core.Reply{ID: core.ReplyID(fmt.Sprint("r", n)), Person: who(n).Person()})
		if err != nil {
			t.Fatal(err)
		}
		entry, err := records.Encode(records.Entry{ID: fmt.Sprint("x", n), Direction: records.In, Person: who(n).Person(), At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		add(queue.Inbox, in)
		add(queue.Outbox, out)
		add(queue.Ledger, entry)
	}
	add(queue.Inbox, []byte("{"))
	n, err := dropLetters(t.Context(), letters, letterBoxes(&configs.Config{}), []core.PersonID{who(0).Person()})
	if err != nil || n != 3 || !slices.Equal(letters.dropped, []int64{1, 2, 3}) {
		t.Errorf("dropped %d: %v, %v", n, letters.dropped, err)
	}
}

// pile is dead letters in a list.
type pile struct {
	queue.DeadLetters
	all     []queue.DeadLetter
	dropped []int64
}

func (p *pile) List(_ context.Context, box queue.Box, after int64, limit int) (out []queue.DeadLetter, _ error) {
	for _, l := range p.all {
		if l.Key.Box == box && l.ID > after && len(out) < limit {
			out = append(out, l)
		}
	}
	return out, nil
}

func (p *pile) Drop(_ context.Context, id int64) error { p.dropped = append(p.dropped, id); return nil }
