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
	// Share has questions remembered in the Remote of the Generations too, for other nodes
	// and the next process. Room bounds what is put there; nil for DefaultWeight.
	Share bool
	Room  *Room
	Log   zerolog.Logger
}

// SemanticStats counts what became of questions of the skills that want it.
type SemanticStats struct {
	// Hits were answered from memory, Remote (of Hits) with an answer that was fetched from
	// there; Shadow would have been. Rejected (of Misses) had one that was alike, but not the
	// same. Failed got no vector.
	Hits, Remote, Shadow, Misses, Rejected, Failed int64
	// Told are questions that the Remote took, Dropped those that it did not: it was away,
	// or there was no room. Learned were read there, Refused were not what this could use:
	// of another form, partition or length, or broken.
	Told, Dropped, Learned, Refused int64
}

// Semantic is a Client that gives the answer of a question which says the same in other
// words. Only standalone first questions of skills that want it are looked up, and only
// among those with which they have everything else in common: payer, skill, version,
// locale, system prompt, tools and generations. Of these, one must be alike by its
// vector, and have the same meaningful words: numbers, dates, names and negations are
// among them. It belongs below a Cache, which does not keep its hits; one that shares
// belongs below a Cache that does so too, which puts the answers into the Remote. It is
// safe for concurrent use.
type Semantic struct {
	o       SemanticOptions
	present *Generations
	// remote is nil where nothing is shared.
	remote *shared
	stats  struct {
		hits, remote, shadow, misses, rejected, failed atomic.Int64
		told, dropped, learned, refused                atomic.Int64
	}

	mu         sync.Mutex
	partitions map[key]*partition
	// used holds every entry, the latest used first.
	used    *list.List
	closed  bool
	running sync.WaitGroup
}

// partition is questions that have everything but their words in common.
type partition struct {
	entries []*entry
	// vectors are those of the entries, in their order.
	vectors table
	words   map[key]*entry
	// read is up to where it is known what the Remote has of it.
	read string
}

// entry is one question and its answer.
type entry struct {
	partition key
	// at is its place in the partition, used that among all.
	at   int
	used *list.Element
	// words is the key under which a Cache keeps the answer of the very same question.
	words  key
	sense  sense
	vector vector
	// answer is nil for one that another node learned and nobody here asked for yet.
	answer *answer
	until  time.Time
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
	s := &Semantic{o: o, present: o.Generations, partitions: make(map[key]*partition), used: list.New()}
	if o.Share {
		s.remote = o.Generations.remote
	}
	if s.o.Room == nil {
		s.o.Room = NewRoom(DefaultWeight)
	}
	return s
}

// Close waits until the Remote was told what is on its way there. What is learned after it
// stays here.
func (s *Semantic) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
}

// Stats tells what became of questions so far.
func (s *Semantic) Stats() SemanticStats {
	n := &s.stats
	return SemanticStats{
		Hits: n.hits.Load(), Remote: n.remote.Load(), Shadow: n.shadow.Load(), Misses: n.misses.Load(), Rejected: n.rejected.Load(), Failed: n.failed.Load(),
		Told: n.told.Load(), Dropped: n.dropped.Load(), Learned: n.learned.Load(), Refused: n.refused.Load(),
	}
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
		f := s.similar(ctx, e, least, skill.Shadow)
		if f.entry != nil && !skill.Shadow {
			s.stats.hits.Add(1)
			if f.elsewhere {
				s.stats.remote.Add(1)
			}
			for d := range f.answer.pieces {
				if !yield(d, nil) {
					return
				}
			}
			return
		}
		switch {
		case f.entry != nil:
			s.stats.shadow.Add(1)
			s.o.Log.Info().Str("skill", r.For.Skill).Float32("similarity", f.alike).Str("trace", string(r.Trace)).Msg("a similar question was answered before")
		case f.rejected:
			s.stats.rejected.Add(1)
			fallthrough
		default:
			s.stats.misses.Add(1)
		}
		s.ask(ctx, r, e, f.entry == nil, yield)
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
	e := &entry{words: keyOf(r, version, words), sense: read(question).sense(), vector: v}
	r.Messages = slices.Clone(r.Messages)
	r.Messages[last].Text = ""
	// Vectors of two models cannot be compared.
	e.partition = keyOf(r, version, append(words, got.Model))
	return e, true
}

// found is what there is to a question.
type found struct {
	// entry is the most alike of those with the same meaning, nil for none; answer is its,
	// if that is here.
	entry  *entry
	answer *answer
	alike  float32
	// elsewhere tells whether its answer was fetched now, from where another node put it.
	elsewhere bool
	// rejected tells whether there was one that is alike, and not the same.
	rejected bool
}

// find looks for the question most alike among those with the same meaning.
func (s *Semantic) find(e *entry, least float32) found {
	s.mu.Lock()
	defer s.mu.Unlock()
	var f found
	p := s.partitions[e.partition]
	if p == nil || p.vectors.n != len(e.vector.at) {
		return f
	}
	now := time.Now()
	for i := range p.vectors.len() {
		alike := p.vectors.alike(e.vector, i, least)
		if alike < least || !now.Before(p.entries[i].until) {
			continue
		}
		if e.sense != p.entries[i].sense {
			f.rejected = true
			continue
		}
		f.entry, f.alike, least = p.entries[i], alike, alike
	}
	if f.entry != nil {
		f.answer = f.entry.answer
		s.used.MoveToFront(f.entry.used)
	}
	return f
}

// ask passes a new answer on, and remembers it; here alone where others know of one.
func (s *Semantic) ask(ctx context.Context, r models.Request, e *entry, news bool, yield func(models.Delta, error) bool) {
	var got collector
	for d, err := range s.o.Client.Chat(ctx, r) {
		got.add(d)
		if err == nil && d.Finish != "" && got.whole() {
			e.until = time.Now().Add(s.o.Fresh)
			e.answer = &answer{Text: string(got.text), Model: got.model, Version: got.version, Usage: got.usage, Fresh: e.until, Stale: e.until}
			value := e.pack()
			s.remember(e)
			if news {
				s.publish(ctx, e.partition, value, e.until)
			}
		}
		if !yield(d, err) {
			return
		}
	}
}

// remember keeps an entry that was answered now.
func (s *Semantic) remember(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(e)
}

// put keeps an entry, in place of the same question's before, of those whose time is over,
// and of the one that was not used for the longest time. It is called with the lock.
func (s *Semantic) put(e *entry) {
	// Behind one that nobody used since its time was over lie only older ones.
	now := time.Now()
	for last := s.used.Back(); last != nil && !now.Before(last.Value.(*entry).until); last = s.used.Back() {
		s.forget(last.Value.(*entry))
	}
	if p := s.partitions[e.partition]; p != nil && p.words[e.words] != nil {
		s.forget(p.words[e.words])
	}
	for s.used.Len() >= s.o.Entries {
		old := s.used.Back().Value.(*entry)
		// The Remote may have it: it is read there again when it is wanted.
		s.partitions[old.partition].read = ""
		s.forget(old)
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
		p = &partition{words: make(map[key]*entry)}
		s.partitions[e.partition] = p
	}
	e.at, e.used = len(p.entries), s.used.PushFront(e)
	p.entries = append(p.entries, e)
	p.vectors.add(e.vector)
	p.words[e.words] = e
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
	delete(p.words, e.words)
	if last == 0 {
		delete(s.partitions, e.partition)
	}
}
