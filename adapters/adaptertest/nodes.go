package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// Twin is a platform whose account more than one node works for.
type Twin interface {
	Platform
	// Another makes one more adapter of the account, as another node has it: it shares
	// Settings.Memory with the first and nothing else.
	Another(log zerolog.Logger) adapters.Adapter
}

// twoNodes: what comes in through one node is answered through another, whatever became of
// the first.
func twoNodes(t *testing.T, h Harness) {
	for name, run := range map[string]func(*testing.T, *bench, *bench){
		"InHereOutThere": inHereOutThere, "PiecesFromBoth": piecesFromBoth, "DraftHereFinalThere": draftHereFinalThere,
		"UnsureHereAskedThere": unsureHereAskedThere, "WebhooksToBoth": webhooksToBoth,
	} {
		t.Run(name, func(t *testing.T) {
			here := newBench(t, h)
			twin, ok := here.Platform.(Twin)
			if !ok {
				t.Fatal("the harness says that several nodes work for an account, the platform is no Twin")
			}
			there := &bench{Platform: here.Platform, adapter: twin.Another(zerolog.New(here.log)), harness: h, log: here.log}
			run(t, here, there)
		})
	}
}

// answerTo makes the reply that a turn makes of an envelope.
func answerTo(e core.Envelope, index int, text string) core.Reply {
	r := reply(e.In, text)
	r.ID, r.Trace = core.ReplyTo(e.ID, index), e.Trace
	return r
}

// heard lets the chat's person say a text, and gives the envelope as it came in.
func (b *bench) heard(t *testing.T, in *inbox, chat core.ChatID, text string) core.Envelope {
	t.Helper()
	b.Say(chat, text)
	deadline := time.After(patience)
	for len(in.find(text)) == 0 {
		select {
		case <-in.bell:
		case <-deadline:
			t.Fatalf("%q never came", text)
		}
	}
	return in.find(text)[0]
}

// deliver makes a call as the deliverer does: it waits where it is asked to.
func (b *bench) deliver(t *testing.T, call func(context.Context) (core.Receipt, error)) core.Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		receipt, err := call(ctx)
		if err == nil {
			return receipt
		}
		b.inspect(t, err)
		if fault.ClassOf(err) != fault.RateLimited || fault.Wait(err) <= 0 || !wait(ctx, fault.Wait(err)) {
			t.Fatal(err)
		}
	}
}

// say sends a reply of one piece.
func (b *bench) say(t *testing.T, r core.Reply) core.MessageID {
	t.Helper()
	receipt := b.deliver(t, func(ctx context.Context) (core.Receipt, error) { return b.adapter.Send(ctx, r) })
	if receipt.Message == "" || receipt.More {
		t.Fatalf("receipt %+v", receipt)
	}
	return receipt.Message
}

// inHereOutThere: also when the node it came to has ended.
func inHereOutThere(t *testing.T, here, there *bench) {
	in, to := newInbox(0), here.Chat(0)
	stop := here.receive(t, in)
	defer stop()
	first := here.heard(t, in, to.Chat, "question")
	there.say(t, answerTo(first, 0, "answer"))
	there.say(t, answerTo(first, 1, "and more"))
	here.shown(t, to, "answer", "and more")
	if typer, ok := there.adapter.(adapters.Typer); ok {
		if err := typer.Typing(t.Context(), to); err != nil {
			t.Errorf("typing: %v", err)
		}
	}
	second := here.heard(t, in, to.Chat, "another")
	stop()
	there.say(t, answerTo(second, 0, "late"))
	here.shown(t, to, "answer", "and more", "late")
}

// piecesFromBoth: each piece of a long answer may leave from another node.
func piecesFromBoth(t *testing.T, here, there *bench) {
	in, to := newInbox(0), here.Chat(0)
	stop := here.receive(t, in)
	defer stop()
	e := here.heard(t, in, to.Chat, "question")
	want := words(3000)
	r := answerTo(e, 0, strings.Join(want, " "))
	for more, nodes := true, []*bench{there, here}; more; slices.Reverse(nodes) {
		receipt := nodes[0].deliver(t, func(ctx context.Context) (core.Receipt, error) { return nodes[0].adapter.Send(ctx, r) })
		if len(r.Sent) > 100 {
			t.Fatal("a hundred pieces and no end")
		}
		r.Sent, more = append(r.Sent, receipt.Message), receipt.More
	}
	if len(r.Sent) < 2 {
		t.Errorf("%d words in one message", len(want))
	}
	equalWords(t, strings.Fields(strings.Join(here.Shown(to.Chat), " ")), want)
}

// draftHereFinalThere: a draft that one node shows becomes the final by another.
func draftHereFinalThere(t *testing.T, here, there *bench) {
	editor, ok := there.adapter.(adapters.Editor)
	if !ok {
		return
	}
	in, to := newInbox(0), here.Chat(0)
	stop := here.receive(t, in)
	defer stop()
	e := here.heard(t, in, to.Chat, "question")
	draft := answerTo(e, 0, "it is")
	draft.Final = false
	id := here.say(t, draft)
	there.deliver(t, func(ctx context.Context) (core.Receipt, error) {
		return editor.Edit(ctx, id, answerTo(e, 0, "it is so"))
	})
	there.say(t, answerTo(e, 1, "surely"))
	here.shown(t, to, "it is so", "surely")
}

// unsureHereAskedThere: a message whose answer one node lost is found by the other, or sent
// again without standing there twice.
func unsureHereAskedThere(t *testing.T, here, there *bench) {
	reconciler, ok := there.adapter.(adapters.Reconciler)
	if !ok {
		return
	}
	in, to := newInbox(0), here.Chat(0)
	stop := here.receive(t, in)
	defer stop()
	elsewhere := there.receive(t, in)
	defer elsewhere()
	r := reply(to, "hello")
	here.Fail(Failure{How: LoseAnswer})
	if _, err := here.adapter.Send(t.Context(), r); !fault.IsUnsure(err) {
		t.Fatalf("the outcome is not unknown: %v", err)
	}
	var found bool
	receipt := there.deliver(t, func(ctx context.Context) (receipt core.Receipt, err error) {
		receipt, found, err = reconciler.Reconcile(ctx, r)
		return receipt, err
	})
	switch {
	case !found:
		there.say(t, r)
	case receipt.Message == "" || receipt.More:
		t.Errorf("found %+v", receipt)
	}
	here.shown(t, to, "hello")
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// webhooksToBoth: the platform's calls go now to one node and now to another. What both get is
// one message, and what one refuses the other takes.
func webhooksToBoth(t *testing.T, here, there *bench) {
	if !here.harness.Webhook {
		return
	}
	const each = 10
	in, to := newInbox(7), here.Chat(0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for _, b := range []*bench{here, there} {
		go func() { ended <- b.adapter.Run(ctx, in) }()
	}
	defer func() {
		cancel()
		if err := errors.Join(<-ended, <-ended); err != nil {
			t.Error(err)
		}
	}()
	handlers := []http.Handler{here.handler(t, in), there.handler(t, in)}
	var turn atomic.Int64
	here.hooks(t).Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers[turn.Add(1)%2].ServeHTTP(w, r)
	}))
	var said []string
	for i := range each {
		said = append(said, fmt.Sprintf("message %d", i))
		here.SayTwice(to.Chat, said[i])
	}
	in.await(t, each)
	if got := in.texts(to.Chat); !slices.Equal(got, said) {
		t.Errorf("came %q, said %q", got, said)
	}
	for i, text := range said {
		[]*bench{here, there}[i%2].say(t, answerTo(in.find(text)[0], 0, "to "+text))
	}
	if n := len(here.Shown(to.Chat)); n != each {
		t.Errorf("%d answers to %d messages", n, each)
	}
}
