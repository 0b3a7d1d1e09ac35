package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

// alike finds all texts the same, unless vectors say otherwise.
type alike struct {
	mu      sync.Mutex
	vectors map[string][]float32
	err     error
	asked   []models.EmbedRequest
}

func (e *alike) Embed(_ context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, r)
	got := models.Embeddings{}
	for _, text := range r.Texts {
		v := e.vectors[text]
		if v == nil {
			v = []float32{3, 4}
		}
		got.Vectors = append(got.Vectors, v)
	}
	return got, e.err
}

func semantic(w models.Client, e models.Embedder, change ...func(*SemanticOptions)) *Semantic {
	o := SemanticOptions{Client: w, Embedder: e, Model: "vectors", Skills: map[string]SemanticSkill{"chat": {}}}
	for _, f := range change {
		f(&o)
	}
	return NewSemantic(o)
}

// first is a question that stands alone.
func first(person, text string) models.Request {
	r := question(person, text)
	r.Cache.First = true
	return r
}

// different are pairs of questions that no answer is the same for, however alike.
var different = [][2]string{
	// Negation.
	{"Is it safe to eat?", "Is it not safe to eat?"}, {"Do you deliver?", "Don't you deliver?"}, {"Can I cancel?", "Can't I cancel?"},
	{"Which plans include support?", "Which plans don't include support?"}, {"Show users with access", "Show users without access"},
	{"Why does it work?", "Why doesn't it work?"}, {"I am allergic to nuts, what may I eat?", "I am not allergic to nuts, what may I eat?"},
	{"Is anybody there?", "Is nobody there?"}, {"Do I always need it?", "Do I never need it?"}, {"Is it possible?", "Is it impossible?"},
	{"Ist das erlaubt?", "Ist das nicht erlaubt?"}, {"Gibt es einen Termin?", "Gibt es keinen Termin?"}, {"¿Se puede pagar?", "¿No se puede pagar?"},
	// Numbers.
	{"What is 20 % of 50?", "What is 200 % of 50?"}, {"What is 2 + 3?", "What is 2 - 3?"}, {"What is -5 plus 3?", "What is 5 plus 3?"},
	{"Convert 1.5 km", "Convert 15 km"}, {"What is 2*(3+4)?", "What is 2*3+4?"}, {"A table for two", "A table for three"},
	{"Is version 1.2 supported?", "Is version 1.12 supported?"}, {"Room 101", "Room 110"}, {"Divide 10 by 5", "Divide 5 by 10"},
	{"What costs 10 €?", "What costs 10 $?"}, {"Is 5 < 6?", "Is 5 > 6?"}, {"½ cup in grams", "¼ cup in grams"}, {"first lesson", "second lesson"},
	// Dates and times.
	{"Are you open today?", "Are you open tomorrow?"}, {"Book it for 3 May", "Book it for 3 June"}, {"What happened on 2026-11-21?", "What happened on 2026-12-11?"},
	{"Are you open on Monday?", "Are you open on Sunday?"}, {"Wake me at 7:30", "Wake me at 17:30"}, {"Is it due next week?", "Is it due last week?"},
	// Names.
	{"How is the weather in Paris?", "How is the weather in London?"}, {"how is the weather in paris", "how is the weather in rome"},
	{"Who is Marie Curie?", "Who is Pierre Curie?"}, {"Flights from Berlin to Rome", "Flights from Rome to Berlin"},
	{"Flights to the US", "Flights to us"}, {"Is C supported?", "Is C++ supported?"}, {"Does it run on Linux?", "Does it run on Windows?"},
	{"Mail bob@example.com", "Mail rob@example.com"}, {"Was ist Köln?", "Was ist Bonn?"}, {"How do I install Windows?", "How do I install windows?"},
	// Opposites.
	{"How do I enable 2FA?", "How do I disable 2FA?"}, {"How do I turn on 2FA?", "How do I turn off 2FA?"}, {"Turn it on", "Turn it off"},
	{"How do I log in?", "How do I log out?"}, {"the cheapest room", "the dearest room"}, {"increase the volume", "decrease the volume"},
	{"before lunch", "after lunch"}, {"Is it more than that?", "Is it less than that?"}, {"open the door", "close the door"}, {"buy shares", "sell shares"},
	// Who, whom and the rest.
	{"What is my name?", "What is your name?"}, {"The dog bites the man", "The man bites the dog"}, {"Can I pay?", "Must I pay?"},
	{"I have paid", "Have I paid?"}, {"You are open", "You are open?"}, {"tea and coffee", "tea or coffee"}, {"customs declaration", "custom declaration"},
	// Words about words.
	{"Translate turn on", "Translate enable"}, {"What does log in mean?", "What does sign in mean?"}, {"How do you say please?", "How do you say thanks?"},
	{"Spell the word can't", "Spell the word cannot"}, {"Translate the", "Translate"},
}

// same are pairs for which it is.
var same = [][2]string{
	{"How do I reset my password?", "how can i reset my password"}, {"How to reset my password", "How do I reset my password?"},
	{"Where's the station?", "Where is the station"}, {"Please enable 2FA.", "turn on 2FA"}, {"How do I sign in?", "How do I log in?"},
	{"I can't login", "I cannot log in."}, {"It doesn’t work!", "It doesn't work"}, {"When do you open?", "when you open?"},
	{"Wo ist der Bahnhof?", "wo ist der Bahnhof ?"}, {"Could you please show my orders", "Show my orders"},
}

func TestDifferentQuestions(t *testing.T) {
	for _, pair := range different {
		for _, p := range [][2]string{pair, {pair[1], pair[0]}} {
			w := &teller{}
			s := semantic(w, &alike{})
			hear(t.Context(), s, first("alice", p[0]))
			if got := hear(t.Context(), s, first("alice", p[1])); w.calls() != 2 {
				t.Errorf("%q is answered as %q: %+v", p[1], p[0], got)
			}
			if n := s.Stats(); n != (SemanticStats{Misses: 2, Rejected: 1}) {
				t.Errorf("%+v", n)
			}
		}
	}
}

func TestSameQuestions(t *testing.T) {
	for _, p := range same {
		w := &teller{}
		s := semantic(w, &alike{})
		one := hear(t.Context(), s, first("alice", p[0]))
		two := hear(t.Context(), s, first("alice", p[1]))
		if w.calls() != 1 || two.text != one.text || two.last.Saved == nil || *two.last.Usage != (models.Usage{}) {
			t.Errorf("%q is not answered as %q: %v, %v", p[1], p[0], read(p[1]), read(p[0]))
		}
	}
}

func TestHardPartitions(t *testing.T) {
	half := 0.5
	for name, change := range map[string]func(*models.Request){
		"person":      func(r *models.Request) { r.For.Person = "bob" },
		"account":     func(r *models.Request) { r.For.Account = "other" },
		"role":        func(r *models.Request) { r.For.Role = "admin" },
		"skill":       func(r *models.Request) { r.For.Skill = "faq" },
		"skill's own": func(r *models.Request) { r.Cache.SkillVersion = "2" },
		"model":       func(r *models.Request) { r.Model = "large" },
		"locale":      func(r *models.Request) { r.Cache.Locale = "de" },
		"knowledge":   func(r *models.Request) { r.Cache.Knowledge = "handbook" },
		"system":      func(r *models.Request) { r.Messages[0].Text = "You are rude." },
		"name":        func(r *models.Request) { r.Messages[1].Name = "bob" },
		"tools":       func(r *models.Request) { r.Tools = []models.Tool{{Name: "look"}} },
		"format":      func(r *models.Request) { r.Format = &models.Format{} },
		"sampling":    func(r *models.Request) { r.TopP = &half },
	} {
		w := &teller{}
		s := semantic(w, &alike{}, func(o *SemanticOptions) { o.Skills["faq"] = SemanticSkill{} })
		hear(t.Context(), s, first("alice", "Where is it?"))
		r := first("alice", "Where's it?")
		change(&r)
		if hear(t.Context(), s, r); w.calls() != 2 {
			t.Errorf("the answer for another %s", name)
		}
	}
}

func TestOnlyStandaloneQuestions(t *testing.T) {
	for name, change := range map[string]func(*models.Request){
		"not a first one": func(r *models.Request) { r.Cache.First = false },
		"another skill":   func(r *models.Request) { r.For.Skill = "other" },
		"never":           func(r *models.Request) { r.Cache.Mode = models.CacheNever },
		"said before": func(r *models.Request) {
			r.Messages = append([]models.Message{{Role: models.User, Text: "x"}}, r.Messages...)
		},
		"answered before":  func(r *models.Request) { r.Messages[0].Role = models.Assistant },
		"a picture":        func(r *models.Request) { r.Messages[1].Images = []models.Image{{}} },
		"a long one":       func(r *models.Request) { r.Messages[1].Text = strings.Repeat("x", maxQuestion+1) },
		"nothing asked":    func(r *models.Request) { r.Messages[1].Text = "" },
		"no words at all":  func(r *models.Request) { r.Messages = []models.Message{{Role: models.System, Text: "x"}} },
		"begun already":    func(r *models.Request) { r.Prefix = "well" },
		"a tool's outcome": func(r *models.Request) { r.Messages[1].Role = models.ToolResult },
	} {
		w, e := &teller{}, &alike{}
		s := semantic(w, e)
		r := first("alice", "Where is it?")
		change(&r)
		hear(t.Context(), s, r)
		if hear(t.Context(), s, r); w.calls() != 2 || len(e.asked) != 0 {
			t.Errorf("%s: %d calls, %d vectors", name, w.calls(), len(e.asked))
		}
	}
}

func TestSimilarity(t *testing.T) {
	at := func(degrees float64) []float32 {
		return []float32{float32(math.Cos(degrees * math.Pi / 180)), float32(math.Sin(degrees * math.Pi / 180))}
	}
	e := &alike{vectors: map[string][]float32{"where is it": at(0), "Where is it": at(20), "Where is it.": at(30), "where is the it": at(10)}}
	for name, test := range map[string]struct {
		text  string
		skill float64
		own   float64
		hit   bool
	}{
		"alike":                  {"Where is it", 0, 0, true},
		"not alike":              {"Where is it.", 0, 0, false},
		"none may ask for less":  {"Where is it.", 0.5, 0.1, false},
		"the skill wants more":   {"Where is it", 0.95, 0, false},
		"the caller wants more":  {"Where is it", 0, 0.95, false},
		"and it is":              {"where is the it", 0.95, 0, true},
		"the caller cannot less": {"Where is it", 0.95, 0.9, false},
	} {
		w := &teller{}
		s := semantic(w, e, func(o *SemanticOptions) { o.Skills["chat"] = SemanticSkill{Similarity: test.skill} })
		hear(t.Context(), s, first("alice", "where is it"))
		r := first("alice", test.text)
		r.Cache.Similarity = test.own
		if hear(t.Context(), s, r); (w.calls() == 1) != test.hit {
			t.Errorf("%s: %d calls", name, w.calls())
		}
	}
	w := &teller{}
	s := semantic(w, e)
	hear(t.Context(), s, first("alice", "where is it"))
	hear(t.Context(), s, first("alice", "Where is it."))
	defer func() {
		e.vectors["where is the it"] = []float32{1, 0, 0}
		hear(t.Context(), s, first("alice", "where is the it"))
		if w.calls() != 3 || s.used.Len() != 1 || len(s.partitions) != 1 {
			t.Errorf("%d calls, %d entries: vectors of another model are not alike", w.calls(), s.used.Len())
		}
	}()
	if got := hear(t.Context(), s, first("alice", "Where is it")); got.text != "bot alice: Where is it. (2)" {
		t.Errorf("%q is not that of the most alike", got.text)
	}
	if r := e.asked[0]; r.Model != "vectors" || r.For != first("alice", "").For {
		t.Errorf("%+v", r)
	}
}

func TestShadow(t *testing.T) {
	w := &teller{}
	s := semantic(w, &alike{}, func(o *SemanticOptions) { o.Skills["chat"] = SemanticSkill{Shadow: true} })
	hear(t.Context(), s, first("alice", "Where is it?"))
	if got := hear(t.Context(), s, first("alice", "where's it?")); got.last.Saved != nil || w.calls() != 2 {
		t.Errorf("%+v", got)
	}
	if n := s.Stats(); n != (SemanticStats{Shadow: 1, Misses: 1}) {
		t.Errorf("%+v", n)
	}
}

func TestNoVector(t *testing.T) {
	for name, e := range map[string]*alike{
		"away":    {err: fault.New(fault.Retryable, "embed", errors.New("away"))},
		"nothing": {vectors: map[string][]float32{"?!": {0, 0}}},
		"nan":     {vectors: map[string][]float32{"?!": {float32(math.NaN()), 1}}},
	} {
		w := &teller{}
		s := semantic(w, e)
		for i := range 2 {
			if got := hear(t.Context(), s, first("alice", "?!")); got.err != nil || w.calls() != i+1 {
				t.Errorf("%s: %+v", name, got)
			}
		}
		if n := s.Stats(); n != (SemanticStats{Failed: 2}) {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

func TestForgetting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &teller{}
		s := semantic(w, &alike{}, func(o *SemanticOptions) { o.Entries = 2; o.Fresh = time.Minute })
		for i, text := range []string{"one", "two", "One", "three", "one.", "two"} {
			want := []int{1, 2, 2, 3, 3, 4}[i]
			if hear(t.Context(), s, first("alice", text)); w.calls() != want {
				t.Errorf("%d calls after %q, want %d", w.calls(), text, want)
			}
		}
		if s.used.Len() != 2 || len(s.partitions) != 1 {
			t.Errorf("%d entries", s.used.Len())
		}
		time.Sleep(time.Minute)
		if hear(t.Context(), s, first("alice", "two")); w.calls() != 5 || s.used.Len() != 1 {
			t.Errorf("%d calls, %d entries", w.calls(), s.used.Len())
		}
		w.set([]models.Delta{{Text: "short"}, {Finish: models.FinishLength}}, nil)
		if hear(t.Context(), s, first("alice", "four")); s.used.Len() != 1 {
			t.Error("an answer that was cut is kept")
		}
	})
}

func TestBelowACache(t *testing.T) {
	w := &teller{}
	g := NewGenerations(nil, zerolog.Nop())
	s := semantic(w, &alike{}, func(o *SemanticOptions) { o.Generations = g })
	c := New(Options{Client: s, Generations: g})
	defer c.Close()
	hear(t.Context(), c, first("alice", "Where is it?"))
	if got := hear(t.Context(), c, first("alice", "where's it")); w.calls() != 1 || got.last.Saved == nil {
		t.Errorf("%+v", got)
	}
	if n := c.Stats(); n.Kept != 1 {
		t.Errorf("a similar question's answer is kept as this one's: %+v", n)
	}
	if err := g.Invalidate(t.Context(), Tag{Person, "alice"}); err != nil {
		t.Fatal(err)
	}
	if hear(t.Context(), c, first("alice", "where's it")); w.calls() != 2 {
		t.Error("what was forgotten is given")
	}
}

// A bound that stops early never changes what is alike.
func TestAlikeIsTheProduct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		numbers := rapid.SliceOfN(rapid.Float32Range(-1, 1), n, n)
		a, b := numbers.Draw(t, "a"), numbers.Draw(t, "b")
		v, ok := unit(a)
		o, ok2 := unit(b)
		if !ok || !ok2 {
			t.Skip("no direction")
		}
		var whole float64
		for i := range v.at {
			whole += float64(v.at[i]) * float64(o.at[i])
		}
		least := rapid.Float32Range(-1, 1).Draw(t, "least")
		// It is the last of a few, one of which is gone.
		var all table
		other, _ := unit(rapid.SliceOfN(rapid.Float32Range(0.5, 1), n, n).Draw(t, "other"))
		all.add(other)
		all.add(other)
		all.add(o)
		all.remove(0)
		got := all.alike(v, 0, least)
		if all.len() != 2 || all.alike(other, 1, -1) < 0.999 {
			t.Fatal("the others are not there any more")
		}
		if math.Abs(float64(got)-whole) > 1e-4 && (whole > float64(least)+1e-3 || got != -1) {
			t.Fatalf("%v of %v, at least %v", got, whole, least)
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, p := range append(different, same...) {
		f.Add(p[0])
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := read(text)
		if m.sense() != read(text).sense() || len(m.words) > 2*len(text) {
			t.Errorf("%q: %v", text, m)
		}
		if strings.ContainsFunc(text, isWord) && m.sense() == read(text+" not").sense() {
			t.Errorf("%q is the same with a not", text)
		}
	})
}

// BenchmarkLookUp is one question among 10,000 of its partition, vectors of 768.
func BenchmarkLookUp(b *testing.B) {
	draw := rand.New(rand.NewPCG(1, 2))
	random := func() vector {
		from := make([]float32, 768)
		for i := range from {
			// Vectors of texts have something in common.
			from[i] = float32(draw.NormFloat64() + 0.7)
		}
		v, _ := unit(from)
		return v
	}
	s := semantic(&teller{}, &alike{})
	for i := range DefaultEntries {
		text := fmt.Sprint("question ", i)
		s.remember(&entry{words: sha256.Sum256([]byte(text)), sense: read(text).sense(), vector: random(), until: time.Now().Add(time.Hour)})
	}
	e := &entry{sense: read("another").sense(), vector: random()}
	for b.Loop() {
		if s.find(e, MinSimilarity).entry != nil {
			b.Fatal("hit")
		}
	}
}
