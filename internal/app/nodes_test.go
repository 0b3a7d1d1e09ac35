package app

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/records"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/test/pgtest"
)

// openNodes opens records of one database several times.
func openNodes(t *testing.T, d pgtest.Database, nodes int) (out []*records.SQL) {
	t.Helper()
	for range nodes {
		r, err := records.OpenPostgres(t.Context(), records.PostgresOptions{URL: d.URL()})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// life is what three accounts do to each other.
func (b *bench) life() {
	b.t.Helper()
	b.want(1, "a", "")
	b.want(2, "b", "")
	b.link(1, 2)
	b.want(2, "c", "a,b")
	b.link(3, 1) // both come along
	b.want(3, "d", "a,b,c")
	b.want(2, "e", "a,b,c,d")
	if got := b.ask(2, "/unlink this"); !strings.HasPrefix(got, "Done: this account") {
		b.t.Fatalf("%q", got)
	}
	b.want(2, "f", "")
	b.want(1, "g", "a,b,c,d,e")
	if got := b.ask(1, "/forget yes"); !strings.HasPrefix(got, "Erased: ") || !strings.Contains(got, "accounts: 2") {
		b.t.Fatalf("%q", got)
	}
	b.want(3, "h", "")
	b.want(2, "i", "f")
	b.quiet()
	if got := b.ask(3, "/forget everything"); !strings.Contains(got, "no longer linked") {
		b.t.Fatalf("%q", got)
	}
	b.quiet()
	b.want(1, "j", "")
	b.want(3, "k", "")
}

// What one node links, the other knows: the same life as on one node, while each message
// is taken by another node and handled by any.
func TestPeopleOnTwoNodes(t *testing.T) {
	for _, crash := range []string{"", "link", "unlink", "forget"} {
		t.Run("crash in "+crash, func(t *testing.T) {
			b := newNodes(t, session.Policy{}, openNodes(t, pgtest.New(t), 2)...)
			b.crashes(crash)
			b.life()
		})
	}
}

// account is n of the bench.
func (b *bench) account(n int) records.Account {
	at := core.Account(fmt.Sprint("bot", n))
	return records.Account{
		Who:  core.Sender{Realm: core.Realm(at), ID: core.UserID(fmt.Sprint(n))},
		Home: core.Conversation{Account: at, Place: core.Private, Chat: core.ChatID(fmt.Sprint(n))},
	}
}

func (p *persons) join(ctx context.Context, turn string, to, joining records.Account) error {
	return p.change(ctx, func(ctx context.Context) (records.Delta, error) {
		out, err := p.records.Join(ctx, records.Cause{Turn: core.EnvelopeID(turn), Actor: records.Operator, At: time.Now()}, to, joining)
		return out.Delta, err
	})
}

func (p *persons) part(ctx context.Context, turn string, a records.Account) error {
	return p.change(ctx, func(ctx context.Context) (records.Delta, error) {
		out, err := p.records.Unlink(ctx, records.Cause{Turn: core.EnvelopeID(turn), Actor: records.Operator, At: time.Now()},
			a.Base(), records.Choice{Base: a.Base()})
		return out.Delta, err
	})
}

// One node unlinks while the other is asked without a pause who somebody is: no question
// that begins after the unlink gets the answer of before.
func TestNoNodeUsesALinkThatIsGone(t *testing.T) {
	b := newNodes(t, session.Policy{}, openNodes(t, pgtest.New(t), 2)...)
	here, there := b.nodes[0], b.nodes[1]
	one, two := b.account(1), b.account(2)
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for ctx.Err() == nil {
				if _, err := there.directory.PersonOf(ctx, two.Who); err != nil && ctx.Err() == nil {
					t.Errorf("PersonOf: %v", err)
				}
			}
		})
	}
	for n := range 50 {
		for what, do := range []func() error{
			func() error { return here.join(t.Context(), fmt.Sprint("join", n), one, two) },
			func() error { return here.part(t.Context(), fmt.Sprint("part", n), two) },
		} {
			if err := do(); err != nil {
				t.Fatal(err)
			}
			want := []core.PersonID{one.Base(), two.Base()}[what]
			for node, p := range b.nodes {
				if got, err := p.directory.PersonOf(t.Context(), two.Who); err != nil || got != want {
					t.Fatalf("round %d, node %d: %s, %v; want %s", n, node, got, err, want)
				}
			}
		}
	}
	cancel()
	asking.Wait()
}

// Who was unlinked on another node meets nothing of the memory they left, whichever node
// takes what they say next, and the others go on with it.
func TestUnlinkedOnAnotherNodeIsAStrangerAtOnce(t *testing.T) {
	b := newNodes(t, session.Policy{}, openNodes(t, pgtest.New(t), 2)...)
	for n := range 10 {
		one, two := 10*n+1, 10*n+2
		b.want(one, "a", "")
		b.link(one, two)
		b.want(two, "b", "a")
		node := b.nodes[n%2]
		if err := node.part(t.Context(), fmt.Sprint("part", n), b.account(two)); err != nil {
			t.Fatal(err)
		}
		b.want(two, "c", "")
		b.want(two, "d", "c")
		b.want(one, "e", "a,b")
	}
}

// While the database lets nobody in, messages are taken and wait; none is answered from
// a memory that may be another's.
func TestMessagesWaitForTheDatabase(t *testing.T) {
	d := pgtest.New(t)
	b := newNodes(t, session.Policy{}, openNodes(t, d, 2)...)
	b.want(1, "a", "")
	b.link(1, 2)
	d.Shut()
	b.say(2, "b")
	b.say(3, "c")
	if _, err := b.nodes[0].directory.PersonOf(t.Context(), b.account(2).Who); err == nil {
		t.Error("who somebody is was told without the database")
	}
	if len(b.replies) > 0 {
		t.Errorf("answered: %+v", <-b.replies)
	}
	d.Reopen()
	answers := map[string]bool{}
	for range 2 {
		answers[core.JoinText(b.next().Parts)] = true
	}
	if !answers["b: a"] || !answers["c: "] {
		t.Errorf("answers: %v", answers)
	}
}
