package drafts

import (
	"context"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/test/redistest"
)

// start makes nodes over one Redis.
func start(t *testing.T, p *platform, single bool, names ...string) []*node {
	t.Helper()
	redis := redistest.Start(t).URL()
	var nodes []*node
	for _, name := range names {
		n, err := newNode(t.Context(), name, redis, p.URL, single, func(q queue.Queue) queue.Queue {
			if name == "deaf" {
				return deaf{q}
			}
			return q
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.close(); err != nil {
				t.Error(err)
			}
		})
		nodes = append(nodes, n)
	}
	return nodes
}

// begin runs parts until the function it gives is called.
func begin(t *testing.T, parts ...func(context.Context) error) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	wait := run(ctx, parts...)
	return func() {
		t.Helper()
		cancel()
		if err := wait(); err != nil {
			t.Error(err)
		}
	}
}

// say has each chat ask so many questions, through any node.
func say(t *testing.T, nodes []*node, chats, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		for chat := range chats {
			if err := nodes[(chat+n)%len(nodes)].intake.Accept(t.Context(), says(chat, n)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestNoFinalIsOverwritten: two nodes answer and deliver, any of them what the other
// answered, while drafts are on their way.
func TestNoFinalIsOverwritten(t *testing.T) {
	const chats, each = 50, 10
	p := newPlatform(t)
	nodes := start(t, p, false, "A", "B")
	say(t, nodes, chats, 0, each)
	end := begin(t, nodes[0].dispatcher.Run, nodes[0].deliverer.Run, nodes[1].dispatcher.Run, nodes[1].deliverer.Run)
	p.until(t, "all is answered", func() bool { return len(p.finals) == chats*each })
	end()
	if stray := p.check(t, chats, each); stray > 0 {
		t.Errorf("%d drafts were left behind", stray)
	}
	for _, node := range []string{"A", "B"} {
		if p.by(node, "send") == 0 || p.by(node, "edit") == 0 {
			t.Errorf("%s sent %d and edited %d", node, p.by(node, "send"), p.by(node, "edit"))
		}
	}
	for _, c := range p.overwritten {
		t.Errorf("a final was overwritten: %+v", c)
	}
	for reply, n := range p.finals {
		if p.drafts[reply] < wanted || n != 1 {
			t.Errorf("%s: %d drafts, %d finals", reply, p.drafts[reply], n)
		}
	}
}

// TestPlacedByTheOther: the node that answers does not deliver at all; its drafts are
// shown all the same, in messages that the other node sends.
func TestPlacedByTheOther(t *testing.T) {
	const chats, each = 5, 2
	p := newPlatform(t)
	nodes := start(t, p, false, "deaf", "B")
	say(t, nodes, chats, 0, each)
	end := begin(t, nodes[0].dispatcher.Run, nodes[0].deliverer.Run, nodes[1].deliverer.Run)
	p.until(t, "all is answered", func() bool { return len(p.finals) == chats*each })
	end()
	if stray := p.check(t, chats, each); stray > 0 {
		t.Errorf("%d drafts were left behind", stray)
	}
	placed, edited := p.by("B", "send"), p.by("deaf", "edit")
	if placed != chats*each || edited < chats*each || p.by("deaf", "send") > 0 {
		t.Errorf("%d drafts were placed and edited %d times", placed, edited)
	}
}

// deaf is a queue whose outbox is left to others.
type deaf struct{ queue.Queue }

func (q deaf) Consume(ctx context.Context, o queue.ConsumeOptions, h queue.Handler) error {
	if o.Box == queue.Outbox {
		<-ctx.Done()
		return nil
	}
	return q.Queue.Consume(ctx, o, h)
}

// TestSingleSender: an account's connection is on B; A answers. What A drafts is shown by
// B, and B delivers, also what was in the common outbox before. Then the connection is
// A's.
func TestSingleSender(t *testing.T) {
	const chats, each = 8, 3
	p := newPlatform(t)
	nodes := start(t, p, true, "A", "B")
	a, b := nodes[0], nodes[1]
	old := core.Reply{ID: "old.0", Final: true, To: says(chats, 0).In, Parts: []core.Part{core.Text{Text: "done 0"}}}
	body, err := core.EncodeReply(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.queue.Publish(t.Context(), queue.Lane(old.To), queue.Item{ID: string(old.ID), Body: body}); err != nil {
		t.Fatal(err)
	}
	say(t, nodes, chats, 0, each)
	endA := begin(t, a.dispatcher.Run, a.deliverer.Run)
	endB := begin(t, b.deliverer.Run, func(ctx context.Context) error { return b.deliverer.Serve(ctx, account) })
	p.until(t, "all is answered", func() bool { return len(p.finals) == chats*each+1 })
	endB()
	p.mu.Lock()
	if n := p.by("A", "send") + p.by("A", "edit") + p.by("A", "typing"); n > 0 {
		t.Errorf("A, which has no connection, made %d calls", n)
	}
	p.mu.Unlock()
	say(t, nodes, chats, each, each+1)
	endServe := begin(t, func(ctx context.Context) error { return a.deliverer.Serve(ctx, account) })
	p.until(t, "A answers", func() bool { return len(p.finals) == chats*(each+1)+1 })
	endServe()
	endA()
	if stray := p.check(t, chats, each+1) + p.check(t, 0, 0); stray > 0 {
		t.Errorf("%d drafts were left behind", stray)
	}
	for reply, n := range p.finals {
		if reply != old.ID && p.drafts[reply] < wanted || n != 1 {
			t.Errorf("%s: %d drafts, %d finals", reply, p.drafts[reply], n)
		}
	}
	if p.by("A", "send") == 0 {
		t.Error("A, which has the connection, sent nothing")
	}
}
