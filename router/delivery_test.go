package router_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session"
)

// placesOf is a table that knows one person.
type placesOf struct {
	addresses []session.Address
	wish      session.Reach
	err       error
}

func (p *placesOf) Reachable(context.Context, core.PersonID) ([]session.Address, session.Reach, error) {
	return p.addresses, p.wish, p.err
}

// outbox keeps what is published, each id once.
type outbox struct {
	queue.Queue
	seen map[string]bool
	out  []core.Reply
	keys []queue.Key
	err  error
}

func (o *outbox) Publish(_ context.Context, key queue.Key, item queue.Item) (queue.Outcome, error) {
	if o.err != nil {
		return 0, o.err
	}
	if o.seen[item.ID] {
		return queue.Duplicate, nil
	}
	r, err := core.DecodeReply(item.Body)
	if err != nil {
		return 0, err
	}
	if o.seen == nil {
		o.seen = map[string]bool{}
	}
	o.seen[item.ID] = true
	o.out, o.keys = append(o.out, r), append(o.keys, key)
	return queue.Accepted, nil
}

func (o *outbox) to() (out []core.Account) {
	for _, r := range o.out {
		out = append(out, r.To.Account)
	}
	return out
}

func heard(base core.PersonID, account core.Account) session.Address {
	return session.Address{Base: base, In: core.Conversation{Account: account, Place: core.Private, Chat: core.ChatID(base)}}
}

func TestNotify(t *testing.T) {
	all := []session.Address{heard("ann-1", "letter"), heard("ann-1", "telegraph"), heard("ann-2", "telephone")}
	for name, c := range map[string]struct {
		table   placesOf
		to      session.Mode
		served  []core.Account
		want    []core.Account
		nowhere router.Nowhere
	}{
		"no wish":                  {placesOf{addresses: all}, "", nil, []core.Account{"letter"}, ""},
		"preferred":                {placesOf{addresses: all, wish: session.Reach{Mode: session.ReachOne, Base: "ann-2"}}, "", nil, []core.Account{"telephone"}, ""},
		"last against the wish":    {placesOf{addresses: all, wish: session.Reach{Mode: session.ReachOne, Base: "ann-2"}}, session.ReachLast, nil, []core.Account{"letter"}, ""},
		"wants it everywhere":      {placesOf{addresses: all, wish: session.Reach{Mode: session.ReachAll}}, "", nil, []core.Account{"letter", "telephone"}, ""},
		"everywhere":               {placesOf{addresses: all}, session.ReachAll, nil, []core.Account{"letter", "telephone"}, ""},
		"the last is out":          {placesOf{addresses: all}, "", []core.Account{"telegraph", "telephone"}, []core.Account{"telegraph"}, ""},
		"the preferred one is out": {placesOf{addresses: all, wish: session.Reach{Mode: session.ReachOne, Base: "ann-2"}}, "", []core.Account{"letter"}, []core.Account{"letter"}, ""},
		"all are out":              {placesOf{addresses: all}, "", []core.Account{"drum"}, nil, router.AllOut},
		"never heard":              {placesOf{}, "", nil, nil, router.NeverHeard},
	} {
		t.Run(name, func(t *testing.T) {
			o := &outbox{}
			n := router.NewNotifier(router.NotifierOptions{Queue: o, Table: &c.table, Serves: func(a core.Account) bool {
				return c.served == nil || slices.Contains(c.served, a)
			}})
			notice := router.Notice{ID: "reminder-7", Person: "ann", To: c.to, Parts: []core.Part{core.Text{Text: "wake up"}}, Trace: "trace"}
			for range 2 { // the second is the same notice again
				told, err := n.Send(t.Context(), notice)
				var at []core.Account
				for _, a := range told.At {
					at = append(at, a.In.Account)
				}
				if err != nil || told.Nowhere != c.nowhere || !slices.Equal(at, c.want) {
					t.Errorf("told %v, %q, %v; want %v, %q", at, told.Nowhere, err, c.want, c.nowhere)
				}
			}
			if !slices.Equal(o.to(), c.want) {
				t.Errorf("on its way to %v, want %v", o.to(), c.want)
			}
			for i, r := range o.out {
				if r.Person != core.PersonID(r.To.Chat) || r.To.Place != core.Private || core.JoinText(r.Parts) != "wake up" || r.Trace != "trace" || o.keys[i] != queue.Lane(r.To) {
					t.Errorf("%+v in %+v", r, o.keys[i])
				}
			}
		})
	}
}

// The same notice again is no second one, though the person moved on meanwhile; and a
// half of it that failed is made up for.
func TestNotifyAgain(t *testing.T) {
	o, table := &outbox{}, &placesOf{addresses: []session.Address{heard("ann-1", "letter"), heard("ann-2", "telephone")}}
	n := router.NewNotifier(router.NotifierOptions{Queue: o, Table: table, Lane: func(to core.Conversation) queue.Key {
		return queue.Key{Box: queue.OutboxOf(to.Account), Owner: string(to.Chat)}
	}})
	send := func(id string, to session.Mode) error {
		_, err := n.Send(t.Context(), router.Notice{ID: id, Person: "ann", To: to, Parts: []core.Part{core.Text{Text: "wake up"}}})
		return err
	}
	if err := send("one", session.ReachLast); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(table.addresses)
	if err := send("one", session.ReachLast); err != nil {
		t.Fatal(err)
	}
	if got := o.to(); !slices.Equal(got, []core.Account{"letter"}) || o.keys[0].Box != queue.OutboxOf("letter") {
		t.Errorf("on its way to %v in %v", got, o.keys)
	}
	o.err = fault.New(fault.Retryable, "publish", queue.ErrBusy)
	if err := send("two", session.ReachAll); !errors.Is(err, queue.ErrBusy) {
		t.Errorf("full: %v", err)
	}
	o.err = nil
	if err := send("two", session.ReachAll); err != nil || len(o.out) != 3 {
		t.Errorf("%v, %d on their way", err, len(o.out))
	}
	table.err = fault.New(fault.Retryable, "read", queue.ErrBusy)
	if err := send("three", ""); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("the table is away: %v", err)
	}
}

func TestNotifyRefuses(t *testing.T) {
	words := []core.Part{core.Text{Text: "x"}}
	for name, m := range map[string]router.Notice{
		"no id":       {Person: "ann", Parts: words},
		"a wild id":   {ID: "a.b", Person: "ann", Parts: words},
		"nobody":      {ID: "a", Parts: words},
		"no words":    {ID: "a", Person: "ann"},
		"no such way": {ID: "a", Person: "ann", Parts: words, To: session.ReachOne},
	} {
		o := &outbox{}
		n := router.NewNotifier(router.NotifierOptions{Queue: o, Table: &placesOf{addresses: []session.Address{heard("a", "b")}}})
		if _, err := n.Send(t.Context(), m); fault.ClassOf(err) != fault.Permanent || len(o.out) > 0 {
			t.Errorf("%s: %v, %v", name, err, o.out)
		}
	}
}
