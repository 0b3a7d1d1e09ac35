package cache

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

func TestHit(t *testing.T) {
	w := &teller{}
	c := New(Options{Client: w})
	defer c.Close()
	first := hear(t.Context(), c, question("alice", strings.Repeat("où es-tu ? ", 30)))
	if first.err != nil || first.last.Usage.Prompt != 10 || first.last.Saved != nil || first.last.Worker != "w" {
		t.Fatalf("%+v", first)
	}
	again := hear(t.Context(), c, question("alice", strings.Repeat("où es-tu ? ", 30)))
	d := again.last
	if again.text != first.text || again.pieces < 4 || w.calls() != 1 || d.Finish != models.FinishStop {
		t.Errorf("%+v after %d calls", again, w.calls())
	}
	if *d.Usage != (models.Usage{}) || *d.Saved != (models.Usage{Prompt: 10, Completion: 5}) || d.Model != "tiny" || d.Worker != "" {
		t.Errorf("%+v", d)
	}
	if bob := hear(t.Context(), c, question("bob", strings.Repeat("où es-tu ? ", 30))); !strings.Contains(bob.text, "bob") {
		t.Errorf("bob got %q", bob.text)
	}
	for range c.Chat(t.Context(), question("alice", strings.Repeat("où es-tu ? ", 30))) {
		break
	}
	if got, want := c.Stats(), (Stats{Hits: 2, Misses: 2, Kept: 2}); got != want {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsKept(t *testing.T) {
	half, call := 0.5, []models.ToolCall{{ID: "1", Name: "look", Arguments: []byte(`{}`)}}
	end := models.Delta{Finish: models.FinishStop}
	for name, test := range map[string]struct {
		change func(*models.Request)
		script []models.Delta
		err    error
		kept   bool
	}{
		"temperature 0":       {func(*models.Request) {}, nil, nil, true},
		"temperature 0.5":     {func(r *models.Request) { r.Temperature = &half }, nil, nil, false},
		"no temperature":      {func(r *models.Request) { r.Temperature = nil }, nil, nil, false},
		"the caller says so":  {func(r *models.Request) { r.Temperature = nil; r.Cache.Mode = models.CacheAlways }, nil, nil, true},
		"the caller says no":  {func(r *models.Request) { r.Cache.Mode = models.CacheNever }, nil, nil, false},
		"cut short":           {func(*models.Request) {}, []models.Delta{{Text: "a"}, {Finish: models.FinishLength}}, nil, false},
		"filtered":            {func(*models.Request) {}, []models.Delta{{Text: "a"}, {Finish: models.FinishFilter}}, nil, false},
		"a tool":              {func(*models.Request) {}, []models.Delta{{Calls: call, Finish: models.FinishToolCalls}}, nil, false},
		"a tool and stop":     {func(*models.Request) {}, []models.Delta{{Text: "a", Calls: call, Finish: models.FinishStop}}, nil, false},
		"nothing said":        {func(*models.Request) {}, []models.Delta{end}, nil, false},
		"broken off":          {func(*models.Request) {}, []models.Delta{{Text: "a"}}, errGone, false},
		"begun again":         {func(*models.Request) {}, []models.Delta{{Text: "a"}, {Reset: true}, {Text: "b"}, end}, nil, true},
		"no finish, no fault": {func(*models.Request) {}, []models.Delta{{Text: "a"}}, nil, false},
	} {
		w := &teller{script: test.script, err: test.err}
		c := New(Options{Client: w})
		r := question("alice", "who?")
		test.change(&r)
		first := hear(t.Context(), c, r)
		second := hear(t.Context(), c, r)
		if (w.calls() == 1) != test.kept || second.text != first.text && test.kept || !errors.Is(first.err, test.err) {
			t.Errorf("%s: %d calls, %+v, then %+v", name, w.calls(), first, second)
		}
		c.Close()
	}
}

func TestManyAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &teller{takes: time.Second}
		c := New(Options{Client: w})
		defer c.Close()
		var asking sync.WaitGroup
		got := make(chan said, 100)
		for i := range 100 {
			asking.Go(func() {
				// They come while the answer is on its way; it has 7 pieces.
				time.Sleep(time.Duration(i) * 50 * time.Millisecond)
				got <- hear(t.Context(), c, question("alice", "what is it?"))
			})
		}
		asking.Wait()
		prompt, saved := 0, 0
		for range 100 {
			s := <-got
			if s.err != nil || s.text != "bot alice: what is it? (1)" {
				t.Fatalf("%+v", s)
			}
			prompt += s.last.Usage.Prompt
			if s.last.Saved != nil {
				saved += s.last.Saved.Prompt
			}
		}
		if w.calls() != 1 || prompt != 10 || saved != 990 {
			t.Errorf("%d calls, %d tokens, %d saved", w.calls(), prompt, saved)
		}
		if s := c.Stats(); s.Joined != 99 || s.Misses != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &teller{takes: time.Second}
		c := New(Options{Client: w})
		defer c.Close()
		ctx, leave := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		asking.Go(func() {
			if s := hear(ctx, c, question("alice", "long?")); !errors.Is(s.err, context.Canceled) {
				t.Errorf("the leader left: %+v", s)
			}
		})
		synctest.Wait()
		asking.Go(func() {
			s := hear(t.Context(), c, question("alice", "long?"))
			if s.err != nil || s.text != "bot alice: long? (1)" || s.last.Saved != nil {
				t.Errorf("who stayed bears it: %+v", s)
			}
		})
		synctest.Wait()
		leave()
		asking.Wait()
		// When nobody stays, the worker stops at once.
		for range c.Chat(t.Context(), question("alice", "other?")) {
			break
		}
		synctest.Wait()
		if w.calls() != 2 || w.cancelled != 1 {
			t.Errorf("%d calls, %d cancelled", w.calls(), w.cancelled)
		}
		if s := hear(t.Context(), c, question("alice", "other?")); s.err != nil || s.text != "bot alice: other? (3)" {
			t.Errorf("%+v", s)
		}
	})
}

func TestFaultsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &teller{takes: time.Second, script: []models.Delta{{Text: "well"}}, err: errGone}
		c := New(Options{Client: w})
		defer c.Close()
		var asking sync.WaitGroup
		for range 3 {
			asking.Go(func() {
				if s := hear(t.Context(), c, question("alice", "?")); !errors.Is(s.err, errGone) || s.text != "well" {
					t.Errorf("%+v", s)
				}
			})
		}
		asking.Wait()
		w.set(nil, nil)
		if s := hear(t.Context(), c, question("alice", "?")); s.err != nil || w.calls() != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestStaleWhileRevalidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &teller{takes: time.Second}
		c := New(Options{Client: w, Fresh: time.Minute, Stale: time.Hour})
		defer c.Close()
		hear(t.Context(), c, question("alice", "?"))
		time.Sleep(2 * time.Minute)
		began := time.Now()
		for range 10 {
			if s := hear(t.Context(), c, question("alice", "?")); s.text != "bot alice: ? (1)" || s.last.Saved == nil {
				t.Errorf("%+v", s)
			}
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("a stale answer took %v", d)
		}
		time.Sleep(10 * time.Second)
		if s := hear(t.Context(), c, question("alice", "?")); s.text != "bot alice: ? (2)" || w.calls() != 2 {
			t.Errorf("%d calls: %+v", w.calls(), s)
		}
		if r := w.asked[1]; r.Band != models.Batch {
			t.Errorf("nobody waits for it, but it goes in band %d", r.Band)
		}
		// A new one that cannot be had leaves the old one, until its end.
		w.set(nil, errGone)
		time.Sleep(30 * time.Minute)
		hear(t.Context(), c, question("alice", "?"))
		time.Sleep(10 * time.Minute)
		if s := hear(t.Context(), c, question("alice", "?")); s.text != "bot alice: ? (2)" {
			t.Errorf("%+v", s)
		}
		synctest.Wait()
		time.Sleep(time.Hour)
		if s := hear(t.Context(), c, question("alice", "?")); !errors.Is(s.err, errGone) {
			t.Errorf("%+v", s)
		}
	})
}

func TestInvalidate(t *testing.T) {
	w := &teller{}
	version := "tiny@1"
	g := NewGenerations(nil, zerolog.Nop())
	c := New(Options{Client: w, Version: func(models.Request) string { return version }, Generations: g})
	defer c.Close()
	r := question("alice", "?")
	r.Cache.Knowledge = "handbook"
	for i, tag := range []Tag{{Account, "bot"}, {Person, "alice"}, {Skill, "chat"}, {Knowledge, "handbook"}, {Version, "tiny@1"}} {
		for range 2 {
			if hear(t.Context(), c, r); w.calls() != i+1 {
				t.Fatalf("%d calls before %v", w.calls(), tag)
			}
		}
		if err := g.Invalidate(t.Context(), tag); err != nil {
			t.Fatal(err)
		}
		if err := g.Invalidate(t.Context(), Tag{tag.Kind, "other"}); err != nil {
			t.Fatal(err)
		}
	}
	version = "tiny@2"
	if hear(t.Context(), c, r); w.calls() != 6 {
		t.Error("another version's answer")
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &teller{takes: time.Hour}
		c := New(Options{Client: w, Fresh: time.Minute})
		var asking sync.WaitGroup
		asking.Go(func() {
			if s := hear(t.Context(), c, question("alice", "?")); fault.ClassOf(s.err) != fault.Retryable {
				t.Errorf("%+v", s)
			}
		})
		synctest.Wait()
		c.Close()
		asking.Wait()
		if s := hear(t.Context(), c, question("alice", "?")); s.err != nil || w.calls() != 2 {
			t.Errorf("%+v", s)
		}
	})
}

// panicker is a client with a mistake.
type panicker struct{ models.Client }

func TestPanic(t *testing.T) {
	c := New(Options{Client: panicker{}})
	defer c.Close()
	if s := hear(t.Context(), c, question("alice", "?")); fault.ClassOf(s.err) != fault.Bug {
		t.Errorf("%+v", s)
	}
}

func TestShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &teller{takes: time.Second}
		c := New(Options{Client: w})
		defer c.Close()
		var asking sync.WaitGroup
		seen := false
		r := question("alice", "?")
		r.Shown = func() bool { return seen }
		asking.Go(func() { hear(t.Context(), c, r) })
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		shown := w.asked[0].Shown
		if shown() {
			t.Error("nobody saw any of it")
		}
		other := question("alice", "?")
		asking.Go(func() { hear(t.Context(), c, other) })
		time.Sleep(time.Second)
		synctest.Wait()
		if !shown() {
			t.Error("what is yielded to a caller who does not tell counts")
		}
		asking.Wait()
		if len(w.asked) != 1 {
			t.Errorf("%d calls", len(w.asked))
		}
	})
}
