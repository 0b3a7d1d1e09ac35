// Package drafts lets several nodes answer on one Redis while the answers grow.
package drafts

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/cluster/redisc"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
	"github.com/parley-hub/parley/queue/redisq"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/session/sessiontest"
	"github.com/parley-hub/parley/skills"
)

const (
	account core.Account = "bot"
	// patience is how long a test waits for what must happen.
	patience = 60 * time.Second
	// lease is short, so that what a paused node held goes on soon.
	lease = 2 * time.Second
)

func chatOf(n int) core.ChatID { return core.ChatID("c" + strconv.Itoa(n)) }

// says is a person's n-th question in a chat.
func says(chat, n int) core.Envelope {
	in := core.Conversation{Account: account, Place: core.Private, Chat: chatOf(chat)}
	return core.Envelope{
		ID: core.NewEnvelopeID(account, core.KindMessage, string(in.Chat), strconv.Itoa(n)), Kind: core.KindMessage, In: in, Addressed: true,
		From: core.Sender{Realm: "r", ID: core.UserID(in.Chat)}, Native: core.MessageID(strconv.Itoa(n)), SentAt: time.Now(),
		Parts: []core.Part{core.Text{Text: strconv.Itoa(n)}},
	}
}

// node is what of a hub's process matters here.
type node struct {
	name       string
	bot        *bot
	queue      *redisq.Engine
	topic      *redisc.Engine
	lanes      queue.Lanes
	intake     *router.Intake
	dispatcher *router.Dispatcher
	deliverer  *adapters.Deliverer
}

// newNode makes a node. wrap is put around its queue; nil for nothing.
func newNode(ctx context.Context, name, redis, platform string, single bool, wrap func(queue.Queue) queue.Queue) (*node, error) {
	n := &node{name: name, bot: newBot(name, platform, single)}
	var err error
	if n.queue, err = redisq.Open(ctx, redisq.Options{URL: secret.New(redis)}); err != nil {
		return nil, err
	}
	if n.topic, err = redisc.Open(ctx, redisc.Options{URL: secret.New(redis)}); err != nil {
		return nil, err
	}
	var q queue.Queue = short{n.queue}
	if wrap != nil {
		q = wrap(q)
	}
	if single {
		n.lanes = queue.NewLanes(account)
	}
	n.deliverer = adapters.NewDeliverer(adapters.DelivererOptions{
		Queue: q, Topic: n.topic, Lanes: n.lanes, Sent: n.bot.recorded, Adapters: map[core.Account]adapters.Adapter{account: n.bot}, Log: zerolog.Nop(), Grace: time.Second,
	})
	set, err := skills.NewSet(growing{n.bot})
	if err != nil {
		return nil, err
	}
	table, err := router.NewTable(router.TableOptions{
		Skills: []string{"chat"}, Default: "chat", Fallback: "chat", Access: router.Access{DM: router.Open, Groups: router.Addressed},
	})
	if err != nil {
		return nil, err
	}
	nobody := core.ObserverFunc(func(core.Event) {})
	memories := router.Memories{Directory: sessiontest.Unlinked{}}
	n.intake = router.NewIntake(n.queue, memories, nobody, time.Now)
	n.dispatcher = router.NewDispatcher(router.DispatcherOptions{
		Queue: q, Table: table, Skills: set, Memories: memories, Drafts: n.deliverer, Lane: n.lanes.Of, Ledger: unread{}, Observer: nobody,
		Files: func(core.Envelope) skills.Files { return nil }, Log: zerolog.Nop(), Now: time.Now, Slots: 128, Grace: time.Second,
		Wrap: func(s skills.Skill) skills.Handler { return s },
	})
	return n, nil
}

// run runs parts of a node until ctx ends.
func run(ctx context.Context, parts ...func(context.Context) error) (wait func() error) {
	var all sync.WaitGroup
	failed := make(chan error, len(parts))
	for _, part := range parts {
		all.Go(func() { failed <- part(ctx) })
	}
	return func() error {
		all.Wait()
		for range parts {
			if err := <-failed; err != nil {
				return err
			}
		}
		return nil
	}
}

func (n *node) close() error {
	if err := n.topic.Close(); err != nil {
		return err
	}
	return n.queue.Close()
}

// short is a queue whose leases are short.
type short struct{ queue.Queue }

func (q short) Consume(ctx context.Context, o queue.ConsumeOptions, h queue.Handler) error {
	o.Lease, o.MaxAttempts = lease, 1000 // a pause counts as the death of a holder
	return q.Queue.Consume(ctx, o, h)
}

// unread is a ledger that nobody reads.
type unread struct{}

func (unread) Heard(e core.Envelope, _ router.Route) (queue.Outgoing, error) {
	return queue.Outgoing{Key: queue.Key{Box: queue.Ledger, Owner: "x"}, Item: queue.Item{ID: string(e.ID)}}, nil
}

// growing is a skill whose answer grows until people have seen it do so.
type growing struct{ bot *bot }

const (
	// wanted is how many drafts of an answer must have been shown.
	wanted = 3
	// enough is when the answer comes all the same: nobody may know whether the message of
	// a draft stands whose sender was paused, and then no more words are shown.
	enough = 1500
)

func (g growing) Manifest() skills.Manifest { return skills.Manifest{Name: "chat"} }

func (g growing) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	w.Draft()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	reply := core.ReplyTo(t.ID, 0)
	for words := 1; words < enough; words++ {
		w.Draft(core.Text{Text: "growing" + strings.Repeat(".", words%40) + fmt.Sprint(words)})
		a, _, err := g.bot.ask(ctx, call{Op: "shown", Reply: reply})
		if err == nil && a.Drafts >= wanted {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	w.Reply(core.Text{Text: "done " + t.Envelope.Text()})
	return nil
}
