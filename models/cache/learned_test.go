package cache

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/models"
)

// learner is a node that shares what it learned: an exact cache over one by meaning.
type learner struct {
	t *testing.T
	w *teller
	*Generations
	exact    *Cache
	semantic *Semantic
}

func newLearner(t *testing.T, w *teller, m *remote, change ...func(*SemanticOptions)) *learner {
	t.Helper()
	l := &learner{t: t, w: w, Generations: NewGenerations(m, zerolog.Nop())}
	l.semantic = semantic(w, &alike{}, append(change, func(o *SemanticOptions) { o.Generations, o.Share = l.Generations, true })...)
	l.exact = New(Options{Client: l.semantic, Generations: l.Generations, Share: true, Fresh: l.semantic.o.Fresh})
	t.Cleanup(l.close)
	return l
}

func (l *learner) close() {
	l.exact.Close()
	l.semantic.Close()
}

// ask asks a question of alice, and tells what became of it when all is written.
func (l *learner) ask(text string) said {
	l.t.Helper()
	return l.as("alice", text)
}

func (l *learner) as(person, text string) said {
	l.t.Helper()
	s := hear(l.t.Context(), l.exact, first(person, text))
	synctest.Wait()
	if s.err != nil {
		l.t.Errorf("%q: %v", text, s.err)
	}
	return s
}

// wants asks a question that is to be given the answer of another, or a new one.
func (l *learner) wants(text string, saved bool, what string) {
	l.t.Helper()
	before := l.w.calls()
	if s := l.ask(text); (s.last.Saved != nil) != saved || (l.w.calls() == before) != saved {
		l.t.Errorf("%s: %q is answered %q, saved: %t", what, text, s.text, s.last.Saved != nil)
	}
}

func inBubble(t *testing.T, test func(t *testing.T, w *teller, m *remote)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, &teller{}, newRemote()) })
}

// What one node learned another finds, and who knows it asks the remote no more.
func TestNodesLearnFromEachOther(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		a, b := newLearner(t, w, m), newLearner(t, w, m)
		one := a.ask("How do I log in?")
		if two := b.ask("how can i sign in"); two.text != one.text || two.last.Saved == nil || *two.last.Usage != (models.Usage{}) || w.calls() != 1 {
			t.Fatalf("%d calls: %+v", w.calls(), two)
		}
		if n := b.semantic.Stats(); n != (SemanticStats{Hits: 1, Remote: 1, Learned: 1}) {
			t.Errorf("%+v", n)
		}
		reads, gets := m.reads, m.gets
		b.wants("How to sign in", true, "what is known here by now")
		// The one get is the exact cache's, for these very words.
		if n := b.semantic.Stats(); n.Hits != 2 || n.Remote != 1 || m.reads != reads || m.gets != gets+1 {
			t.Errorf("%+v, %d reads and %d gets", n, m.reads-reads, m.gets-gets)
		}
		b.wants("How do I log out?", false, "another question")
		a.wants("how to sign out", true, "and back")
		if n := a.semantic.Stats(); n != (SemanticStats{Hits: 1, Remote: 1, Misses: 1, Told: 1, Learned: 1}) {
			t.Errorf("%+v", n)
		}
	})
}

// Only what is new is read, and a node's own words never are.
func TestOnlyNewsAreRead(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		a, b := newLearner(t, w, m), newLearner(t, w, m)
		for i := range 10 {
			a.wants(fmt.Sprint("number ", i), false, "new")
		}
		if m.told != 0 || m.adds != 10 {
			t.Errorf("%d of %d own words were read", m.told, m.adds)
		}
		b.wants("Number 3.", true, "first look")
		a.wants("number 10", false, "new")
		b.wants("Number 10.", true, "second look")
		if n := b.semantic.Stats(); m.told != 11 || n.Learned != 11 {
			t.Errorf("%d were told, %d learned", m.told, n.Learned)
		}
	})
}

// Of two that learn at the same moment each takes the other's word, and not its own.
func TestBothLearnAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		a, b := newLearner(t, w, m), newLearner(t, w, m)
		w.takes = time.Millisecond
		var both sync.WaitGroup
		for i, l := range []*learner{a, b} {
			both.Go(func() { hear(t.Context(), l.exact, first("alice", fmt.Sprint("number ", i))) })
		}
		both.Wait()
		synctest.Wait()
		a.wants("Number 1", true, "the other's")
		b.wants("Number 0", true, "the other's")
		for _, l := range []*learner{a, b} {
			if n := l.semantic.Stats(); n.Learned != 1 || l.semantic.used.Len() != 2 {
				t.Errorf("%+v, %d questions", n, l.semantic.used.Len())
			}
		}
	})
}

// A new process knows what the one before learned.
func TestRestartForgetsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		a := newLearner(t, w, m)
		a.ask("How do I log in?")
		a.close()
		newLearner(t, w, m).wants("How can I sign in", true, "after a restart")
		a.wants("Another one", false, "closed")
		if n := a.semantic.Stats(); n.Told != 1 {
			t.Errorf("%+v", n)
		}
	})
}

// What is forgotten on one node is on all, by whatever it depends on.
func TestForgottenByMeaning(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		a, b := newLearner(t, w, m), newLearner(t, w, m)
		for _, tag := range []Tag{{Person, "alice"}, {Account, "bot"}, {Skill, "chat"}, {Version, "tiny"}} {
			a.wants("How do I log in?", false, "first")
			b.wants("How can I sign in", true, "learned")
			if err := a.Invalidate(t.Context(), tag); err != nil {
				t.Fatal(err)
			}
			b.wants("how to sign in", false, "forgotten")
			if err := b.Invalidate(t.Context(), tag); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Invalidate(t.Context(), Tag{Person, "bob"}); err != nil {
			t.Fatal(err)
		}
		a.wants("How do I log in?", false, "first")
		if err := b.Invalidate(t.Context(), Tag{Person, "bob"}); err != nil {
			t.Fatal(err)
		}
		b.wants("How can I sign in", true, "somebody else was forgotten")
	})
}

// Whatever is asked, nobody learns what belongs to another.
func TestNobodyLearnsFromAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		a, b := newLearner(t, w, m), newLearner(t, w, m)
		a.as("alice", "How do I log in?")
		if s := b.as("bob", "How can I sign in"); s.last.Saved != nil || m.told != 0 {
			t.Errorf("%+v, %d told", s, m.told)
		}
		// Even if the remote mixed them up.
		var all []kept
		for _, series := range m.series {
			all = append(all, series...)
		}
		for name := range m.series {
			m.series[name] = all
		}
		c := newLearner(t, w, m)
		if s := c.as("carol", "How to sign in"); s.last.Saved != nil {
			t.Errorf("%+v", s)
		}
		if s := c.as("bob", "How to sign in"); s.text != "bot bob: How can I sign in (2)" || c.semantic.Stats().Refused != 1 {
			t.Errorf("%+v, %+v", s, c.semantic.Stats())
		}
	})
}

func TestWhatOthersLearnedEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		minute := func(o *SemanticOptions) { o.Fresh = time.Minute }
		a, b := newLearner(t, w, m, minute), newLearner(t, w, m, minute)
		a.ask("How do I log in?")
		b.wants("How can I sign in", true, "learned")
		time.Sleep(time.Minute - time.Millisecond)
		b.wants("how to sign in", true, "in time")
		time.Sleep(time.Millisecond)
		b.wants("How to sign in?", false, "over")
		newLearner(t, w, m, minute).wants("how do I sign in?", true, "of the one behind")
	})
}

// Without the remote a node goes by what it knows, as long as nobody can have forgotten it;
// what it learns meanwhile is dropped and counted.
func TestLearningWithoutTheRemote(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		a, b := newLearner(t, w, m), newLearner(t, w, m)
		a.ask("How do I log in?")
		b.ask("How can I sign in")
		b.ask("Where is it?")
		m.set(errGone)
		b.wants("how to sign in", true, "known here")
		b.wants("When is it?", false, "not known here")
		if n := b.semantic.Stats(); n.Dropped != 1 || n.Told != 1 {
			t.Errorf("%+v", n)
		}
		b.wants("when is it", true, "learned without the remote")
		time.Sleep(seenWithin)
		b.wants("where's it?", false, "nobody knows whether it was forgotten")
		m.set(nil)
		time.Sleep(remoteRest)
		b.wants("where's it", true, "the remote is back")
		b.wants("Who is it?", false, "new")
		a.wants("who's it", true, "learned again")
		a.wants("when is it?", false, "what was dropped")
	})
}

// What an answer cannot be had for is no hit, and is not tried again.
func TestAnswerIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		a, b := newLearner(t, w, m), newLearner(t, w, m)
		b.wants("Who is it?", false, "something else")
		for i, loss := range []func(k string){
			func(k string) { delete(m.kept, k) },
			func(k string) { m.kept[k] = kept{[]byte("<html>"), time.Now().Add(time.Hour)} },
			func(k string) { m.kept[k] = kept{[]byte(`{"text":"old"}`), time.Now().Add(time.Hour)} },
		} {
			before := map[string]bool{}
			for k := range m.kept {
				before[k] = true
			}
			a.wants(fmt.Sprint("number ", i), false, "first")
			for k := range m.kept {
				if !before[k] && k[:7] == "answer/" {
					loss(k)
				}
			}
			b.wants(fmt.Sprint("Number ", i), false, "without an answer")
			b.wants(fmt.Sprint("Number ", i, "."), true, "its own answer")
			if got := b.semantic.used.Len(); got != i+2 {
				t.Errorf("%d questions are known, %d have answers", got, i+2)
			}
		}
		if n := b.semantic.Stats(); n.Remote != 0 || n.Hits != 3 || n.Learned != 3 {
			t.Errorf("%+v", n)
		}
	})
}

// What is broken, or of another length, is refused and counted.
func TestNonsenseIsNotLearned(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		a := newLearner(t, w, m)
		a.ask("How do I log in?")
		var name string
		var good []byte
		for name = range m.series {
			good = m.series[name][0].value
		}
		var bad [][]byte
		for i := range good {
			broken := append([]byte(nil), good...)
			broken[i]++
			bad = append(bad, broken, good[:i])
		}
		bad = append(bad, append(good, 0))
		for _, value := range bad {
			m.series[name] = append(m.series[name], kept{value, time.Now().Add(time.Hour)})
		}
		m.series[name] = m.series[name][1:]
		b := newLearner(t, w, m)
		b.wants("How can I sign in", false, "nothing but nonsense")
		if n := b.semantic.Stats(); n.Refused != int64(len(bad)) || n.Learned != 0 || n.Misses != 1 {
			t.Errorf("%+v of %d", n, len(bad))
		}
		// Another model of the same name has longer vectors.
		long := &alike{vectors: map[string][]float32{"How to sign in": {3, 4, 0}}}
		c := newLearner(t, w, m, func(o *SemanticOptions) { o.Embedder = long })
		c.wants("How to sign in", false, "of another length")
		if n := c.semantic.Stats(); n.Refused != int64(len(bad))+1 {
			t.Errorf("%+v", n)
		}
		// Its answers do not keep a node from those of its own model.
		b.wants("how do I sign in", true, "its own")
		if n := b.semantic.Stats(); n.Refused != int64(len(bad)) {
			t.Errorf("%+v: it is not read where it is known already", n)
		}
	})
}

// Where a node has no room for all, it reads again what had to leave.
func TestWhatLeftIsReadAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		a := newLearner(t, w, m)
		b := newLearner(t, w, m, func(o *SemanticOptions) { o.Entries = 2 })
		for i := range 3 {
			a.ask(fmt.Sprint("number ", i))
		}
		b.wants("Number 2", true, "one of three")
		b.wants("Number 1", true, "another")
		b.as("bob", "who is it?")
		b.wants("Number 2.", true, "one left for somebody else's")
		if len(b.semantic.partitions) > 2 || b.semantic.used.Len() > 2 {
			t.Errorf("%d partitions, %d entries", len(b.semantic.partitions), b.semantic.used.Len())
		}
	})
}

// What all put into the remote has a bound in bytes together, and each has one.
func TestRoomForVectors(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		room := NewRoom(16384)
		a := newLearner(t, w, m, func(o *SemanticOptions) { o.Room = room; o.Fresh = time.Minute })
		for i := range 50 {
			a.ask(fmt.Sprint("number ", i))
		}
		size := packedHead + 2*2 + packedCheck + entryOverhead
		if n := a.semantic.Stats(); n.Told != int64(16384/size) || n.Told+n.Dropped != 50 {
			t.Errorf("%+v", n)
		}
		time.Sleep(time.Minute)
		a.ask("later")
		if n := a.semantic.Stats(); n.Told != int64(16384/size)+1 {
			t.Errorf("what is over takes room: %+v", n)
		}
		huge := &alike{vectors: map[string][]float32{"huge": make([]float32, MaxEntry/2)}}
		huge.vectors["huge"][0] = 1
		b := newLearner(t, w, m, func(o *SemanticOptions) { o.Embedder = huge })
		b.ask("huge")
		if n := b.semantic.Stats(); n.Dropped != 1 || n.Told != 0 {
			t.Errorf("%+v", n)
		}
	})
}

// In the shadow nodes learn from each other as well, so that what is counted is what
// would be given; and nothing is, nor told twice.
func TestShadowsLearn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *teller, m *remote) {
		shadow := func(o *SemanticOptions) { o.Skills["chat"] = SemanticSkill{Shadow: true} }
		a, b := newLearner(t, w, m, shadow), newLearner(t, w, m, shadow)
		a.wants("How do I log in?", false, "first")
		b.wants("How can I sign in", false, "in the shadow")
		if n := b.semantic.Stats(); n != (SemanticStats{Shadow: 1, Learned: 1}) {
			t.Errorf("%+v", n)
		}
	})
}
