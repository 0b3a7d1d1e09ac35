package adaptertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/parley-hub/parley/adapters"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/logtest"
)

// Run proves the contract for the adapters that h makes.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if len(h.Secrets) == 0 {
		t.Fatal("the harness names no secret to look for")
	}
	tests := []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"Describe", describes},
		{"EnvelopeIsComplete", completeEnvelope},
		{"NothingIsLost", nothingIsLost},
		{"SameMessageSameEnvelope", sameMessage},
		{"RunEndsWithItsContext", runEnds},
		{"Send", sends},
		{"ModelAnswers", modelAnswers},
		{"LongTextLosesNothing", longText},
		{"ManyChatsAtOnce", manyChats},
		{"Failures", failures},
		{"UnsureOutcome", unsureOutcome},
		{"Edit", edits},
		{"TypingAndDrafts", typingAndDrafts},
		{"FilesComeIn", filesComeIn},
		{"FilesGoOut", filesGoOut},
		{"UnsureFile", unsureFile},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, newBench(t, h)) })
	}
	if h.Webhook {
		t.Run("Webhook", func(t *testing.T) { webhook(t, h) })
	}
	if !h.OneNode {
		t.Run("TwoNodes", func(t *testing.T) { twoNodes(t, h) })
	}
}

// bench is one adapter on one fresh platform.
type bench struct {
	Platform
	adapter adapters.Adapter
	harness Harness
	log     *logtest.Log
}

// newBench sets one up. When its test is over nothing may still run and no secret
// may stand in the log.
func newBench(t *testing.T, h Harness) *bench {
	t.Helper()
	before := goleak.IgnoreCurrent()
	log := &logtest.Log{}
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Errorf("something still runs after the adapter ended: %v", err)
		}
		for _, s := range h.Secrets {
			if strings.Contains(log.String(), s) {
				t.Error("the log holds a secret")
			}
		}
	})
	adapter, platform := h.New(t, zerolog.New(log))
	return &bench{Platform: platform, adapter: adapter, harness: h, log: log}
}

// receive runs the adapter into in, starting it again when it fails, and gives the
// function that ends it.
func (b *bench) receive(t *testing.T, in adapters.Inbox) (stop func()) {
	t.Helper()
	if b.harness.Webhook {
		b.hooks(t).Serve(b.handler(t, in))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			err := b.adapter.Run(ctx, in)
			switch {
			case ctx.Err() != nil && err != nil:
				t.Errorf("Run was told to end and returned %v, want nil", err)
				return
			case ctx.Err() != nil:
				return
			case err == nil:
				t.Error("Run returned nil although it was not told to end")
				return
			}
			b.inspect(t, err)
		}
	}()
	return sync.OnceFunc(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("Run does not end with its context")
		}
	})
}

func (b *bench) hooks(t *testing.T) WebhookPlatform {
	t.Helper()
	p, ok := b.Platform.(WebhookPlatform)
	if !ok {
		t.Fatal("the harness says webhook, the platform is no WebhookPlatform")
	}
	return p
}

// await waits until the inbox holds n envelopes.
func (in *inbox) await(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(patience)
	for in.count() < n {
		select {
		case <-in.bell:
		case <-deadline:
			t.Fatalf("%d of %d messages came", in.count(), n)
		}
	}
}

// inspect looks at an error as everybody may: it has a class and no secret.
func (b *bench) inspect(t *testing.T, err error) {
	t.Helper()
	if class := fault.ClassOf(err); class == fault.Bug {
		t.Errorf("nobody classified this error, or it is a bug: %v", err)
	}
	words := fmt.Sprintf("%v %+v %#v %s", err, err, err, fault.Public(err))
	for _, s := range b.harness.Secrets {
		if strings.Contains(words, s) {
			t.Error("an error holds a secret")
		}
	}
}

func describes(t *testing.T, b *bench) {
	about := b.adapter.Describe()
	can := about.Capabilities
	if about.Account == "" || about.Platform == "" || about.Mode == "" {
		t.Errorf("incomplete: %+v", about)
	}
	if in := b.Chat(0); in.Account != about.Account || in.Place != core.Private || in.Chat == "" {
		t.Errorf("the first chat is %+v, not a private one of account %s", in, about.Account)
	}
	if b.Chat(0) == b.Chat(1) {
		t.Error("two chats have one name")
	}
	for _, has := range []struct {
		ability      string
		said, really bool
	}{
		{"Editor", len(can.EditsIn) > 0, is[adapters.Editor](b.adapter)},
		{"Drafter", len(can.DraftsIn) > 0, is[adapters.Drafter](b.adapter)},
		{"Typer", can.TypingFor > 0, is[adapters.Typer](b.adapter)},
		{"Webhooker", b.harness.Webhook, is[adapters.Webhooker](b.adapter)},
	} {
		if has.said && !has.really {
			t.Errorf("it describes the ability %s and has it not", has.ability)
		}
	}
	for direction, levels := range map[string]adapters.Levels{"in": can.Support.In, "out": can.Support.Out} {
		for _, problem := range levels.Problems() {
			t.Errorf("support %s: %s", direction, problem)
		}
	}
	if streams := slices.Contains(can.Support.Out.Native, adapters.FeatureStreaming); streams != (len(can.EditsIn)+len(can.DraftsIn) > 0) {
		t.Errorf("streaming is native: %v, but it edits in %v and drafts in %v", streams, can.EditsIn, can.DraftsIn)
	}
	for place, every := range can.DraftEvery {
		if every <= 0 {
			t.Errorf("drafts every %v in %s", every, place)
		}
	}
	for _, rate := range []adapters.Rate{can.Limits.Account, can.Limits.Chat, can.Limits.Group} {
		if rate.Count < 0 || rate.Burst < 0 || rate.Count > 0 && rate.Per <= 0 {
			t.Errorf("a limit makes no sense: %+v", rate)
		}
	}
}

func is[T any](a adapters.Adapter) bool {
	_, ok := a.(T)
	return ok
}

// words gives n words, each of its own.
func words(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("word%05d", i)
	}
	return out
}

// equalWords compares texts by their words: a platform may break lines anew.
func equalWords(t *testing.T, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("word %d is %q, want %q (%d words of %d)", i, got[i], want[i], len(got), len(want))
		}
	}
	t.Fatalf("%d words, want %d", len(got), len(want))
}
