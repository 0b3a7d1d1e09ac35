package cache

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

func TestNodesShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, w := newRemote(), &teller{}
		g, one := node(w, m)
		_, two := node(w, m)
		defer one.Close()
		defer two.Close()
		hear(t.Context(), one, question("alice", "?"))
		synctest.Wait()
		s := hear(t.Context(), two, question("alice", "?"))
		if s.text != "bot alice: ? (1)" || *s.last.Usage != (models.Usage{}) || s.last.Saved.Prompt != 10 || w.calls() != 1 {
			t.Fatalf("%d calls: %+v", w.calls(), s)
		}
		gets := m.gets
		hear(t.Context(), two, question("alice", "?"))
		if got := two.Stats(); got != (Stats{Hits: 2, Remote: 1}) || m.gets != gets {
			t.Errorf("%+v, %d reads", got, m.gets-gets)
		}
		if err := g.Invalidate(t.Context(), Tag{Person, "alice"}); err != nil {
			t.Fatal(err)
		}
		if s := hear(t.Context(), two, question("alice", "?")); s.text != "bot alice: ? (2)" || w.calls() != 2 {
			t.Errorf("the other node's next request gets what was forgotten: %+v", s)
		}
		synctest.Wait() // it is shared behind the answer
		if hear(t.Context(), one, question("alice", "?")); w.calls() != 2 {
			t.Error("the node that was told does not find the other's new answer")
		}
		// A new process knows of it too.
		_, three := node(w, m)
		defer three.Close()
		if s := hear(t.Context(), three, question("alice", "?")); s.text != "bot alice: ? (2)" {
			t.Errorf("%+v", s)
		}
	})
}

// Whose generations cannot be read could get what was forgotten on another node.
func TestRemoteAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, w := newRemote(), &teller{}
		m.set(errGone)
		g, c := node(w, m)
		defer c.Close()
		for i := range 3 {
			if s := hear(t.Context(), c, question("alice", "?")); s.err != nil || w.calls() != i+1 {
				t.Errorf("%d calls: %+v", w.calls(), s)
			}
		}
		if m.gets != 1 {
			t.Errorf("asked %d times within a second", m.gets)
		}
		m.set(nil)
		time.Sleep(remoteRest)
		hear(t.Context(), c, question("alice", "?"))
		m.set(errGone)
		if s := hear(t.Context(), c, question("alice", "?")); s.last.Saved == nil {
			t.Errorf("what was read a moment ago does: %+v", s)
		}
		time.Sleep(seenWithin)
		if s := hear(t.Context(), c, question("alice", "?")); s.err != nil || s.last.Saved != nil {
			t.Errorf("nobody knows whether it was forgotten: %+v", s)
		}
		if err := g.Invalidate(t.Context(), Tag{Person, "alice"}); fault.ClassOf(err) != fault.Retryable {
			t.Errorf("%v", err)
		}
		m.set(nil)
		time.Sleep(remoteRest)
		for i, saved := range []bool{false, true} {
			if s := hear(t.Context(), c, question("alice", "?")); (s.last.Saved != nil) != saved {
				t.Errorf("%d: forgotten here all the same, and once: %+v", i, s)
			}
		}
		if err := g.Invalidate(t.Context(), Tag{Person, "alice"}); err != nil {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Invalidate(ctx, Tag{Person, "alice"}); fault.ClassOf(err) != fault.Retryable {
			t.Errorf("nobody waited for the other nodes: %v", err)
		}
	})
}

// No request that begins when an Invalidate has returned gets an answer of before it,
// however it meets with the reads of others.
func TestInvalidateIsSeenByTheNextRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, w := newRemote(), &teller{}
		m.takes = 100 * time.Millisecond
		var nodes []*Cache
		var all []*Generations
		for range 3 {
			g, c := node(w, m)
			defer c.Close()
			nodes, all = append(nodes, c), append(all, g)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		for i, c := range nodes {
			for n := range 3 {
				asking.Go(func() {
					for ctx.Err() == nil {
						time.Sleep(time.Duration(7*i+13*n+1) * time.Millisecond)
						hear(ctx, c, question("alice", "?"))
					}
				})
			}
		}
		for round := range 60 {
			time.Sleep(time.Duration(round*17) * time.Millisecond)
			before := w.calls()
			if err := all[round%3].Invalidate(t.Context(), Tag{Person, "alice"}); err != nil {
				t.Fatal(err)
			}
			for i, c := range nodes {
				s := hear(t.Context(), c, question("alice", "?"))
				var n int
				if _, err := fmt.Sscanf(s.text, "bot alice: ? (%d)", &n); err != nil || n <= before {
					t.Fatalf("round %d, node %d: %q was there before number %d", round, i, s.text, before)
				}
			}
		}
		cancel()
		asking.Wait()
	})
}

// What is in a remote has a bound in bytes, and each value has one.
func TestRoomInTheRemote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, w := newRemote(), &teller{}
		c := New(Options{Client: w, Generations: NewGenerations(m, zerolog.Nop()), Share: true, Weight: 4096, Fresh: time.Minute, Stale: -1})
		defer c.Close()
		for i := range 100 {
			hear(t.Context(), c, question("alice", fmt.Sprint("?", i)))
			synctest.Wait()
		}
		bytes := 0
		for _, k := range m.kept {
			bytes += len(k.value) + overhead
		}
		if bytes > 4096 || bytes < 3500 {
			t.Errorf("%d bytes in %d values", bytes, len(m.kept))
		}
		time.Sleep(time.Minute)
		before := m.puts
		hear(t.Context(), c, question("alice", "later?"))
		synctest.Wait()
		if m.puts != before+1 {
			t.Error("what is over takes room")
		}
		w.set([]models.Delta{{Text: strings.Repeat("x", MaxValue)}, {Finish: models.FinishStop}}, nil)
		time.Sleep(time.Minute)
		for range 2 {
			hear(t.Context(), c, question("alice", "long?"))
			synctest.Wait()
		}
		if m.puts != before+1 {
			t.Error("a value is too long for the remote")
		}
	})
}

// Answers stay in the process where they are not to be shared, and generations are.
func TestNotShared(t *testing.T) {
	m, w := newRemote(), &teller{}
	for i := range 2 {
		c := New(Options{Client: w, Generations: NewGenerations(m, zerolog.Nop())})
		hear(t.Context(), c, question("alice", "?"))
		if s := hear(t.Context(), c, question("alice", "?")); s.last.Saved == nil || w.calls() != i+1 || m.puts != 0 || m.gets == 0 {
			t.Errorf("%d calls, %d puts, %d gets: %+v", w.calls(), m.puts, m.gets, s)
		}
		c.Close()
	}
}

func TestRemoteNonsense(t *testing.T) {
	m, w := newRemote(), &teller{}
	_, c := node(w, m)
	defer c.Close()
	hear(t.Context(), c, question("alice", "?"))
	c.running.Wait()
	for k := range m.kept {
		m.kept[k] = kept{[]byte("<html>"), time.Now().Add(time.Hour)}
	}
	_, two := node(w, m)
	defer two.Close()
	if s := hear(t.Context(), two, question("alice", "?")); s.err != nil || w.calls() != 2 {
		t.Errorf("%+v", s)
	}
}
