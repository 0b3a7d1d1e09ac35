package clustertest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/parley-hub/parley/cluster"
	"github.com/parley-hub/parley/core/fault"
)

// topicPatience is how long a test waits for what must be heard.
const topicPatience = 30 * time.Second

// Topic proves an engine's topics. nodes gives the topics of two nodes of one hub, for
// an engine of one node the same twice; nobody used them before.
func Topic(t *testing.T, nodes func(t *testing.T) (a, b cluster.Topic)) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, a, b cluster.Topic)
	}{
		{"all who listen hear it", topicHeard},
		{"in order", topicOrder},
		{"names are apart", topicNames},
		{"the newest are left to the slow", topicSlow},
		{"the end", topicEnd},
		{"bounds", topicBounds},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := nodes(t)
			c.test(t, a, b)
		})
	}
}

// hear gives the next payload.
func hear(t *testing.T, from <-chan []byte) string {
	t.Helper()
	select {
	case got, ok := <-from:
		if !ok {
			t.Fatal("the subscription ended")
		}
		return string(got)
	case <-time.After(topicPatience):
		t.Fatal("nothing was heard")
	}
	return ""
}

// Tune publishes until a subscription hears it, which may take a moment to stand, and
// then takes in all that was said for this. The topic must be in nobody else's use.
func Tune(t *testing.T, from cluster.Topic, name string, to <-chan []byte) {
	t.Helper()
	const last = "tuned"
	word := []byte("tuning")
	for limit := time.After(topicPatience); ; {
		if err := from.Publish(t.Context(), name, word); err != nil && fault.ClassOf(err) != fault.Retryable {
			t.Fatalf("publish: %v", err)
		}
		select {
		case got := <-to:
			if string(got) == last {
				return
			}
			word = []byte(last)
		case <-limit:
			t.Fatal("a subscription never stood")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// subscribe listens and waits until it is heard from the other node.
func subscribe(t *testing.T, at, from cluster.Topic, name string) <-chan []byte {
	t.Helper()
	ch := at.Subscribe(t.Context(), name)
	Tune(t, from, name, ch)
	return ch
}

func tell(t *testing.T, from cluster.Topic, name, payload string) {
	t.Helper()
	if err := from.Publish(t.Context(), name, []byte(payload)); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

// until takes in what is heard until it is want.
func until(t *testing.T, from <-chan []byte, want string) {
	t.Helper()
	for hear(t, from) != want {
		continue
	}
}

func topicHeard(t *testing.T, a, b cluster.Topic) {
	tell(t, a, "t", "nobody listens")
	here := subscribe(t, a, b, "t")
	there := subscribe(t, b, a, "t")
	again := subscribe(t, b, a, "t")
	for _, from := range []cluster.Topic{a, b} {
		payload := []byte("hello\x00\xff")
		if err := from.Publish(t.Context(), "t", payload); err != nil {
			t.Fatalf("publish: %v", err)
		}
		payload[0] = 'j'
		for _, to := range []<-chan []byte{here, there, again} {
			until(t, to, "hello\x00\xff")
		}
	}
}

func topicOrder(t *testing.T, a, b cluster.Topic) {
	ch := subscribe(t, a, b, "t")
	for n := range cluster.TopicBuffer / 2 {
		tell(t, b, "t", fmt.Sprint(n))
	}
	until(t, ch, "0")
	for n := 1; n < cluster.TopicBuffer/2; n++ {
		if got := hear(t, ch); got != fmt.Sprint(n) {
			t.Fatalf("heard %q, want %d", got, n)
		}
	}
}

func topicNames(t *testing.T, a, b cluster.Topic) {
	one := subscribe(t, a, b, "one")
	two := subscribe(t, a, b, "one/two")
	tell(t, b, "one", "1")
	tell(t, b, "one/two", "2")
	until(t, two, "2")
	until(t, one, "1")
	tell(t, b, "one", "the end")
	if got := hear(t, one); got != "the end" {
		t.Errorf("heard %q of another topic", got)
	}
}

// topicSlow: nobody waits for who does not read, and what is left is the newest.
func topicSlow(t *testing.T, a, b cluster.Topic) {
	slow := subscribe(t, a, b, "t")
	quick := subscribe(t, a, b, "t")
	const all = 5 * cluster.TopicBuffer
	for n := range all {
		tell(t, b, "t", fmt.Sprint(n))
		until(t, quick, fmt.Sprint(n))
	}
	// What the quick one heard may be on its way to the slow one.
	heard := 0
	for {
		heard++
		if hear(t, slow) == fmt.Sprint(all-1) {
			break
		}
	}
	if heard < 1 || heard == all {
		t.Errorf("%d of %d were left", heard, all)
	}
}

func topicEnd(t *testing.T, a, b cluster.Topic) {
	ctx, cancel := context.WithCancel(t.Context())
	ch := a.Subscribe(ctx, "t")
	Tune(t, b, "t", ch)
	stays := subscribe(t, a, b, "t")
	cancel()
	for limit := time.After(topicPatience); ; {
		select {
		case _, ok := <-ch:
			if ok {
				continue
			}
		case <-limit:
			t.Fatal("a subscription outlives its context")
		}
		break
	}
	tell(t, b, "t", "on")
	until(t, stays, "on")
	if err := b.Publish(ctx, "t", nil); fault.ClassOf(err) != fault.Retryable {
		t.Errorf("publish after the end: %v", err)
	}
}

func topicBounds(t *testing.T, a, b cluster.Topic) {
	ch := subscribe(t, a, b, "t")
	most := bytes.Repeat([]byte("x"), cluster.MaxPayload)
	if err := b.Publish(t.Context(), "t", append(most, 'x')); fault.ClassOf(err) != fault.Bug {
		t.Errorf("a payload that is too large: %v", err)
	}
	tell(t, b, "t", string(most))
	until(t, ch, string(most))
}
