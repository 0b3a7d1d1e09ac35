package pool_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
)

// arrival is one request of an open loop: it comes at its time, whatever became of the
// others.
type arrival struct {
	at  time.Duration
	req models.Request
	// tokens is how long the answer is.
	tokens int
	tenant string
	// leaves is when, behind its arrival, the person goes away; 0 for never.
	leaves time.Duration
}

// load describes an open loop.
type load struct {
	// perSecond requests arrive on average, with the gaps of a Poisson process.
	perSecond float64
	n         int
	// people talk at a time; who speaks next is drawn by Zipf's law, so that a few
	// conversations are hot.
	people int
	// zipf is the law's exponent, above 1.
	zipf float64
	// longest is at how many tokens of prompt a conversation begins anew.
	longest int
}

// zipfStart is where on the law's curve the most talkative person is: one of 150 asks
// every fifteenth question.
const zipfStart = 5

// usual is a crowd whose conversations fit into the caches of four workers together,
// and not into one's.
func usual(perSecond float64, n int) load {
	return load{perSecond: perSecond, n: n, people: 150, zipf: 1.1, longest: 4000}
}

const (
	// mostTokens bounds an answer; nobody knows before how long it will be.
	mostTokens = 500
	// The median of an answer's length in tokens, and the spread of its logarithm.
	answerMedian, answerSpread = 70, 0.7
)

// skills is how many different system prompts there are.
const skills = 4

// draw makes the requests of a load: conversations with growing prefixes, lengths of
// answers from a log-normal distribution.
func (l load) draw(seed uint64) []arrival {
	rnd := rand.New(rand.NewPCG(seed, 42))
	speaker := rand.NewZipf(rnd, l.zipf, zipfStart, uint64(l.people-1))
	talks := make([]talk, l.people)
	all := make([]arrival, l.n)
	at := 0.0
	for i := range all {
		at += rnd.ExpFloat64() / l.perSecond
		who := int(speaker.Uint64())
		t := &talks[who]
		if t.size > l.longest || t.size == 0 {
			t.begin(who, rnd)
		}
		tokens := int(min(max(answerMedian*math.Exp(answerSpread*rnd.NormFloat64()), 8), mostTokens))
		t.say(models.User, fmt.Sprintf("#%d %d ", i, tokens)+sentence(rnd, 20+rnd.IntN(60)))
		all[i] = arrival{
			at: time.Duration(at * float64(time.Second)), tokens: tokens, tenant: fmt.Sprint("p", who),
			req: models.Request{
				Messages: slices.Clone(t.messages), MaxTokens: mostTokens, Affinity: t.name,
				For: models.Payer{Account: "bot", Person: fmt.Sprint("p", who), Skill: "chat"},
			},
		}
		t.say(models.Assistant, said(tokens))
	}
	return all
}

// talk is a conversation so far.
type talk struct {
	name     string
	count    int
	messages []models.Message
	size     int
}

func (t *talk) begin(who int, rnd *rand.Rand) {
	skill := rnd.IntN(skills)
	t.count++
	t.name = fmt.Sprintf("talk-%d-%d", who, t.count)
	t.messages, t.size = nil, 0
	t.say(models.System, strings.Repeat(fmt.Sprintf("You are skill number %d and polite. ", skill), 30))
	t.say(models.User, t.name)
	t.say(models.Assistant, "Hello.")
}

func (t *talk) say(role models.Role, text string) {
	t.messages = append(t.messages, models.Message{Role: role, Text: text})
	t.size += len(text) / 4
}

func sentence(rnd *rand.Rand, words int) string {
	var b strings.Builder
	for range words {
		fmt.Fprintf(&b, "q%03d ", rnd.IntN(1000))
	}
	return b.String()
}

// sample is what became of an arrival.
type sample struct {
	arrival
	first, all time.Duration
	text       string
	last       models.Delta
	err        error
}

// seen tells whether a person saw some of the answer: drafts of it are posted that long
// after its first words.
func (s sample) seen() bool { return s.first > 0 && s.all-s.first >= boundary }

// boundary is how long the hub holds the first words back.
const boundary = 300 * time.Millisecond

// whole tells whether the answer is complete and right.
func (s sample) whole() bool {
	return s.err == nil && s.last.Finish != "" && s.text == said(s.tokens)
}

// result is a run.
type result struct {
	// samples are those that count; warm filled the caches before.
	samples, warm []sample
	p50           time.Duration
	p99           time.Duration
}

// failed counts those who stayed and got no answer, broken those of them who had seen
// some of it.
func (r result) failed() (n int) {
	for _, s := range r.samples {
		if s.err != nil && s.leaves == 0 {
			n++
		}
	}
	return n
}

func (r result) broken() (n int) {
	for _, s := range r.samples {
		if s.err != nil && s.leaves == 0 && s.seen() {
			n++
		}
	}
	return n
}

// invented counts answers that were reported complete and are not.
func (r result) invented() int {
	n := 0
	for _, s := range r.samples {
		if s.err == nil && !s.whole() {
			n++
		}
	}
	return n
}

// cachedShare is the part of the prompts that the workers had cached.
func (r result) cachedShare() float64 {
	prompt, cached := 0, 0
	for _, s := range r.samples {
		if s.last.Usage != nil {
			prompt += s.last.Usage.Prompt
			cached += s.last.Usage.Cached
		}
	}
	return float64(cached) / float64(max(prompt, 1))
}

// shareOf is the part of the answers that came from a worker.
func (r result) shareOf(worker string) float64 {
	n := 0
	for _, s := range r.samples {
		if s.last.Worker == worker {
			n++
		}
	}
	return float64(n) / float64(max(len(r.samples), 1))
}

func (r result) only(keep func(s sample) bool) result {
	var kept []sample
	for _, s := range r.samples {
		if keep(s) {
			kept = append(kept, s)
		}
	}
	return summed(kept)
}

// summed takes the delays until the first content of those who got any.
func summed(samples []sample) result {
	var first []time.Duration
	for _, s := range samples {
		if s.first > 0 {
			first = append(first, s.first)
		}
	}
	slices.Sort(first)
	return result{samples: samples, p50: quantile(first, 0.5), p99: quantile(first, 0.99)}
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

// event is something that is done to the world in the middle of a run.
type event struct {
	at time.Duration
	do func()
}

// run plays the arrivals against a client, with the events at their times, and waits
// for the last answer. The first tenth fills the caches and is not counted.
func run(tb testing.TB, c models.Client, arrivals []arrival, events ...event) result {
	tb.Helper()
	samples := make([]sample, len(arrivals))
	began := time.Now()
	var askers sync.WaitGroup
	for _, e := range events {
		askers.Go(func() {
			time.Sleep(time.Until(began.Add(e.at)))
			e.do()
		})
	}
	for i, a := range arrivals {
		if wait := time.Until(began.Add(a.at)); wait > 0 {
			time.Sleep(wait)
		}
		askers.Go(func() { samples[i] = ask(tb.Context(), c, a) })
	}
	askers.Wait()
	r := summed(samples[len(samples)/10:])
	r.warm = samples[:len(samples)/10]
	return r
}

// ask makes one request and reads the answer to its end.
func ask(ctx context.Context, c models.Client, a arrival) sample {
	if a.leaves > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.leaves)
		defer cancel()
	}
	s := sample{arrival: a}
	began := time.Now()
	if a.req.Shown == nil {
		a.req.Shown = func() bool { return s.first > 0 && time.Since(began)-s.first >= boundary }
	}
	var text strings.Builder
	for d, err := range c.Chat(ctx, a.req) {
		if err != nil {
			s.err = err
			break
		}
		if d.Reset {
			text.Reset()
		}
		if d.Text != "" && s.first == 0 {
			s.first = time.Since(began)
		}
		text.WriteString(d.Text)
		s.last = d
	}
	s.all, s.text = time.Since(began), text.String()
	return s
}
