package cache

import (
	"cmp"
	"container/list"
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
)

const (
	// MinSimilarity is the least that a skill can ask for.
	MinSimilarity = models.MinSimilarity
	// DefaultEntries is about 40 MB of vectors with 1024 numbers.
	DefaultEntries = 10_000
	// maxQuestion is how long a question may be, in bytes: a vector says little of a
	// longer one.
	maxQuestion = 500
	// embedWithin bounds the wait for a vector; the answer is better asked for then.
	embedWithin = 500 * time.Millisecond
)

// SemanticSkill is what a skill wants. One that is not named wants nothing.
type SemanticSkill struct {
	// Similarity is how much alike two questions must be; less than MinSimilarity is
	// MinSimilarity.
	Similarity float64
	// Shadow is true when hits are only counted and logged, and every question asked.
	Shadow bool
}

// SemanticOptions make a Semantic.
type SemanticOptions struct {
	// Client gives the answers that are not there.
	Client models.Client
	// Embedder makes the vectors, with Model.
	Embedder models.Embedder
	Model    string
	// Skills are by name.
	Skills map[string]SemanticSkill
	// Version gives the model and the digest of the version that would answer; nil for
	// the model of the request.
	Version func(models.Request) string
	// Entries bounds how many questions are remembered; 0 for DefaultEntries. Fresh is
	// how long; 0 for DefaultFresh.
	Entries int
	Fresh   time.Duration
	// Generations are the process's; nil for those of a Semantic alone.
	Generations *Generations
	Log         zerolog.Logger
}

// SemanticStats counts what became of questions of the skills that want it.
type SemanticStats struct {
	// Hits were answered from memory, Shadow would have been. Rejected (of Misses) had
	// one that was alike, but not the same. Failed got no vector.
	Hits, Shadow, Misses, Rejected, Failed int64
}

// Semantic is a Client that gives the answer of a question which says the same in other
// words. Only standalone first questions of skills that want it are looked up, and only
// among those with which they have everything else in common: payer, skill, version,
// locale, system prompt, tools and generations. Of these, one must be alike by its
// vector, and have the same meaningful words: numbers, dates, names and negations are
// among them. It belongs below a Cache, which does not keep its hits. It is safe for
// concurrent use.
type Semantic struct {
	o       SemanticOptions
	present *Generations
	stats   struct{ hits, shadow, misses, rejected, failed atomic.Int64 }

	mu         sync.Mutex
	partitions map[key]*partition
	// used holds every entry, the latest used first.
	used *list.List
}

// partition is questions that have everything but their words in common.
type partition struct {
	entries []*entry
	// vectors are those of the entries, in their order.
	vectors table
	words   map[string]*entry
}

// entry is one question and its answer.
type entry struct {
	partition key
	// at is its place in the partition, used that among all.
	at       int
	used     *list.Element
	question string
	meaning  meaning
	vector   vector
	answer   *answer
}

var _ models.Client = (*Semantic)(nil)

// NewSemantic makes a Semantic.
func NewSemantic(o SemanticOptions) *Semantic {
	o.Entries = cmp.Or(o.Entries, DefaultEntries)
	o.Fresh = cmp.Or(o.Fresh, DefaultFresh)
	if o.Version == nil {
		o.Version = func(r models.Request) string { return r.Model }
	}
	if o.Generations == nil {
		o.Generations = NewGenerations(nil, o.Log)
	}
	return &Semantic{o: o, present: o.Generations, partitions: make(map[key]*partition), used: list.New()}
}

// Stats tells what became of questions so far.
func (s *Semantic) Stats() SemanticStats {
	n := &s.stats
	return SemanticStats{Hits: n.hits.Load(), Shadow: n.shadow.Load(), Misses: n.misses.Load(), Rejected: n.rejected.Load(), Failed: n.failed.Load()}
}

// Chat gives an answer that is there, or the one of the Client below.
func (s *Semantic) Chat(ctx context.Context, r models.Request) iter.Seq2[models.Delta, error] {
	skill, wanted := s.o.Skills[r.For.Skill]
	if !wanted || !standalone(r) {
		return s.o.Client.Chat(ctx, r)
	}
	return func(yield func(models.Delta, error) bool) {
		e, ok := s.entry(ctx, r)
		if !ok {
			s.stats.failed.Add(1)
			pass(s.o.Client.Chat(ctx, r), yield)
			return
		}
		least := float32(max(skill.Similarity, MinSimilarity, r.Cache.Similarity))
		hit, alike := s.find(e, least)
		if hit != nil && !skill.Shadow {
			s.stats.hits.Add(1)
			for d := range hit.pieces {
				if !yield(d, nil) {
					return
				}
			}
			return
		}
		if hit != nil {
			s.stats.shadow.Add(1)
			s.o.Log.Info().Str("skill", r.For.Skill).Float32("similarity", alike).Str("trace", string(r.Trace)).Msg("a similar question was answered before")
		} else {
			s.stats.misses.Add(1)
		}
		s.ask(ctx, r, e, yield)
	}
}

// standalone tells whether a request is a single question that nothing was said before,
// and whose answer may be one that was given before. That the skill is configured says so
// at any temperature.
func standalone(r models.Request) bool {
	last := len(r.Messages) - 1
	if !r.Cache.First || r.Cache.Mode == models.CacheNever || last < 0 || r.Prefix != "" {
		return false
	}
	q := r.Messages[last]
	if q.Role != models.User || q.Text == "" || len(q.Text) > maxQuestion || len(q.Images) > 0 {
		return false
	}
	return !slices.ContainsFunc(r.Messages[:last], func(m models.Message) bool { return m.Role != models.System })
}

// entry is what a question would be remembered as, but for the answer.
func (s *Semantic) entry(ctx context.Context, r models.Request) (*entry, bool) {
	version := s.o.Version(r)
	words, ok := s.present.of(ctx, tags(r, version))
	if !ok {
		return nil, false
	}
	last := len(r.Messages) - 1
	question := r.Messages[last].Text
	within, cancel := context.WithTimeout(ctx, embedWithin)
	defer cancel()
	got, err := s.o.Embedder.Embed(within, models.EmbedRequest{Model: s.o.Model, Texts: []string{question}, Band: r.Band, For: r.For, Trace: r.Trace})
	if err != nil || len(got.Vectors) != 1 {
		if ctx.Err() == nil && fault.ClassOf(err) != fault.RateLimited { // of a budget its person is told
			s.o.Log.Warn().Err(err).Stringer("class", fault.ClassOf(err)).Msg("making the vector of a question")
		}
		return nil, false
	}
	v, ok := unit(got.Vectors[0])
	if !ok {
		return nil, false
	}
	r.Messages = slices.Clone(r.Messages)
	r.Messages[last].Text = ""
	// Vectors of two models cannot be compared.
	words = append(words, got.Model)
	return &entry{partition: keyOf(r, version, words), question: question, meaning: read(question), vector: v}, true
}

// find gives the answer of the question most alike among those with the same meaning.
func (s *Semantic) find(e *entry, least float32) (*answer, float32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.partitions[e.partition]
	if p == nil || p.vectors.n != len(e.vector.at) {
		return nil, 0
	}
	var best *entry
	rejected := false
	now := time.Now()
	for i := range p.vectors.len() {
		alike := p.vectors.alike(e.vector, i, least)
		if alike < least || p.entries[i].answer.state(now) != fresh {
			continue
		}
		if !e.meaning.equal(p.entries[i].meaning) {
			rejected = true
			continue
		}
		best, least = p.entries[i], alike
	}
	if best == nil {
		if rejected {
			s.stats.rejected.Add(1)
		}
		return nil, 0
	}
	s.used.MoveToFront(best.used)
	return best.answer, least
}

// ask passes a new answer on, and remembers it.
func (s *Semantic) ask(ctx context.Context, r models.Request, e *entry, yield func(models.Delta, error) bool) {
	var got collector
	for d, err := range s.o.Client.Chat(ctx, r) {
		got.add(d)
		if err == nil && got.whole() {
			until := time.Now().Add(s.o.Fresh)
			e.answer = &answer{Text: string(got.text), Model: got.model, Version: got.version, Usage: got.usage, Fresh: until, Stale: until}
			s.remember(e)
		}
		if !yield(d, err) {
			return
		}
	}
}

// remember keeps an entry, in place of the same question's before, of those whose time is
// over, and of the one that was not used for the longest time.
func (s *Semantic) remember(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Behind one that nobody used since its time was over lie only older ones.
	now := time.Now()
	for last := s.used.Back(); last != nil && last.Value.(*entry).answer.state(now) != fresh; last = s.used.Back() {
		s.forget(last.Value.(*entry))
	}
	if p := s.partitions[e.partition]; p != nil && p.words[e.question] != nil {
		s.forget(p.words[e.question])
	}
	for s.used.Len() >= s.o.Entries {
		s.forget(s.used.Back().Value.(*entry))
	}
	p := s.partitions[e.partition]
	if p != nil && p.vectors.n != len(e.vector.at) {
		// Another model makes the vectors now.
		for len(p.entries) > 0 {
			s.forget(p.entries[0])
		}
		p = nil
	}
	if p == nil {
		p = &partition{words: make(map[string]*entry)}
		s.partitions[e.partition] = p
	}
	e.at, e.used = len(p.entries), s.used.PushFront(e)
	p.entries = append(p.entries, e)
	p.vectors.add(e.vector)
	p.words[e.question] = e
	// The table has them.
	e.vector = vector{}
}

// forget is called with the lock.
func (s *Semantic) forget(e *entry) {
	s.used.Remove(e.used)
	p := s.partitions[e.partition]
	last := len(p.entries) - 1
	p.entries[e.at] = p.entries[last]
	p.entries[e.at].at = e.at
	p.entries[last] = nil
	p.entries = p.entries[:last]
	p.vectors.remove(e.at)
	delete(p.words, e.question)
	if last == 0 {
		delete(s.partitions, e.partition)
	}
}
