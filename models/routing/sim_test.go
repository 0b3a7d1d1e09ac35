package routing

import (
	"cmp"
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

// The simulation: discrete events, time in virtual milliseconds. A worker is a slot
// model: a request waits for a slot, computes what is not cached of its prompt, says
// its first content, and goes on word by word.

const (
	simPrefill = 0.3 // ms for a token of a prompt
	simDecode  = 8.0 // ms for a token of an answer
	simSlots   = 8
	// simCache is what a worker keeps, in tokens.
	simCache  = 400_000
	simSystem = 512
	// simLongest is where a conversation ends and another one takes its place.
	simLongest = 8000
)

// scene is what happens to a pool.
type scene struct {
	workers int
	// slow is how much slower the first worker is.
	slow float64
	// conversations go on at a time; the n-th most busy has a part of 1/n^zipf.
	conversations int
	zipf          float64
	// rate is the requests a second.
	rate     float64
	requests int
	seed     uint64
}

// way is how a pool handles them.
type way struct {
	policy string
	// queue is true when requests wait in the hub, and lookAhead of them are compared.
	queue     bool
	lookAhead int
	// skips is how often one may be passed over; 0 means 32.
	skips int
	// whole orders the queue by what all of a prompt costs.
	whole bool
	// nodes are hubs that share the workers and see each other's load.
	nodes int
}

// outcome is what was seen in the second half.
type outcome struct {
	p50, p99 float64
	// cached is the part of all prompts' tokens that a worker had.
	cached float64
	// share is each worker's part of the requests.
	share []float64
}

type job struct {
	conv   *conversation
	at     float64
	output int
	prompt Prompt
	tokens int
	node   *hub
	worker int
	cached int
	sent   float64
	skips  int
	counts bool
}

type conversation struct {
	id     uint64
	tokens int
	prompt Prompt
}

// grow lengthens the prompt.
func (c *conversation) grow(tokens int) {
	c.tokens += tokens
	blocks := slices.Clone(c.prompt.Blocks)
	for len(blocks) < maxBlocks && len(blocks) < c.tokens/blockTokens {
		id := c.id
		if len(blocks) < simSystem/blockTokens {
			id = 0
		}
		blocks = append(blocks, mix(id*keyLow^seed, uint64(len(blocks))*keyHigh^keyLow))
	}
	c.prompt = Prompt{Blocks: blocks, Tokens: c.tokens, System: 1, Session: mix(c.id^keyLow, seed), begins: simSystem}
}

// machine is a simulated worker.
type machine struct {
	slow   float64
	busy   int
	line   []*job
	cache  map[*conversation]int
	recent []*conversation
	held   int
	// total is in flight from all nodes.
	total, served int
}

// keep notes what is cached now, and forgets what was used last.
func (m *machine) keep(c *conversation, tokens int) {
	m.held += tokens - m.cache[c]
	m.cache[c] = tokens
	if i := slices.Index(m.recent, c); i >= 0 {
		m.recent = slices.Delete(m.recent, i, i+1)
	}
	m.recent = append(m.recent, c)
	for m.held > simCache && len(m.recent) > 1 {
		m.held -= m.cache[m.recent[0]]
		delete(m.cache, m.recent[0])
		m.recent = m.recent[1:]
	}
}

// hub is a node with its own index and measurements.
type hub struct {
	policy  Policy
	index   *Index
	view    []Worker
	prefill []float64
	service []float64
	queue   []*job
}

type event struct {
	at  float64
	run func()
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

type sim struct {
	scene
	way
	now      float64
	agenda   events
	rnd      *rand.Rand
	hubs     []*hub
	machines []*machine
	convs    []*conversation
	sum      []float64
	nextID   uint64

	first         []float64
	seen, cached  int
	served, total int
}

func simulate(t testing.TB, sc scene, w way) outcome {
	s := &sim{scene: sc, way: w, rnd: rand.New(rand.NewPCG(sc.seed, 7)), nextID: 1}
	lots := rand.New(rand.NewPCG(sc.seed, 11))
	for range max(w.nodes, 1) {
		h := &hub{index: NewIndex(0), prefill: make([]float64, sc.workers), service: make([]float64, sc.workers)}
		p, err := New(Options{Name: w.policy, Index: h.index, Rand: lots.Float64})
		if err != nil {
			t.Fatal(err)
		}
		h.policy = p
		if !w.queue {
			unlimited(p)
		}
		for i := range sc.workers {
			h.view = append(h.view, Worker{ID: "gpu-" + strconv.Itoa(i), Slots: simSlots, Weight: 1})
		}
		s.hubs = append(s.hubs, h)
	}
	for i := range sc.workers {
		m := &machine{slow: 1, cache: map[*conversation]int{}}
		if i == 0 && sc.slow > 0 {
			m.slow = sc.slow
		}
		s.machines = append(s.machines, m)
	}
	all := 0.0
	for i := range sc.conversations {
		s.convs = append(s.convs, s.begin())
		s.convs[i].grow(s.rnd.IntN(simLongest / 2))
		all += math.Pow(float64(i+1), -sc.zipf)
		s.sum = append(s.sum, all)
	}
	s.after(0, s.arrive)
	for len(s.agenda) > 0 {
		e := heap.Pop(&s.agenda).(event)
		s.now = e.at
		e.run()
	}
	return s.outcome()
}

// unlimited lets a policy send without regard to the workers' slots, so that all wait
// inside of them.
func unlimited(p Policy) {
	switch p := p.(type) {
	case *auto:
		p.feed = math.Inf(1)
	case *roundRobin:
		p.feed = math.Inf(1)
	case *leastOutstanding:
		p.feed = math.Inf(1)
	case *powerOfTwo:
		p.feed = math.Inf(1)
	case *sticky:
		p.feed = math.Inf(1)
	}
}

func (s *sim) after(d float64, run func()) { heap.Push(&s.agenda, event{s.now + d, run}) }

func (s *sim) begin() *conversation {
	s.nextID++
	c := &conversation{id: s.nextID}
	c.grow(simSystem)
	return c
}

func (s *sim) arrive() {
	if s.total++; s.total < s.requests {
		s.after(s.rnd.ExpFloat64()*1000/s.rate, s.arrive)
	}
	i, _ := slices.BinarySearch(s.sum, s.rnd.Float64()*s.sum[len(s.sum)-1])
	c := s.convs[i]
	c.grow(20 + s.rnd.IntN(80))
	j := &job{
		conv: c, at: s.now, prompt: c.prompt, tokens: c.tokens, counts: s.total > s.requests/2,
		output: 1 + min(2000, int(math.Exp(math.Log(60)+0.8*s.rnd.NormFloat64()))),
		node:   s.hubs[s.rnd.IntN(len(s.hubs))],
	}
	j.prompt.sent = new(sent)
	if c.grow(j.output); c.tokens > simLongest {
		s.convs[i] = s.begin()
	}
	j.node.queue = append(j.node.queue, j)
	s.drain(j.node)
}

// drain sends what can be sent.
func (s *sim) drain(h *hub) {
	for len(h.queue) > 0 {
		s.refresh(h)
		at, w := s.next(h)
		if w < 0 {
			return
		}
		j := h.queue[at]
		for _, before := range h.queue[:at] {
			before.skips++
		}
		h.queue = slices.Delete(h.queue, at, at+1)
		s.send(h, j, w)
	}
}

// refresh gives a hub's view of the workers its numbers.
func (s *sim) refresh(h *hub) {
	for i, m := range s.machines {
		h.view[i].InFlight = m.total
		h.view[i].Service = time.Duration(h.service[i] * float64(time.Millisecond))
		h.view[i].PrefillPerToken = time.Duration(h.prefill[i] * float64(time.Millisecond))
		h.view[i].Speed = 0
		if h.service[i] > 0 {
			h.view[i].Speed = 1000 / h.service[i]
		}
	}
}

// next gives the place in the queue of who goes next, and where to.
func (s *sim) next(h *hub) (at, worker int) {
	worker = h.policy.Pick(h.queue[0].prompt, h.view)
	if worker < 0 || len(h.queue) == 1 || s.lookAhead <= 1 || h.queue[0].skips >= cmp.Or(s.skips, 32) {
		return 0, worker
	}
	// The worker that has room is given; the one that costs it least goes first.
	best := math.Inf(1)
	for i, j := range h.queue[:min(len(h.queue), s.lookAhead)] {
		if c := s.lookCost(h, j, worker); c < best {
			at, best = i, c
		}
		if j.skips >= cmp.Or(s.skips, 32) {
			break
		}
	}
	return at, worker
}

func (s *sim) lookCost(h *hub, j *job, w int) float64 {
	if s.whole {
		return float64(j.tokens-h.index.Cached(h.view[w].ID, j.prompt)) * h.view[w].prefill()
	}
	return h.policy.Cost(j.prompt, h.view[w])
}

func (s *sim) send(h *hub, j *job, w int) {
	m := s.machines[w]
	j.worker, j.sent = w, s.now
	m.total++
	h.index.Insert(h.view[w].ID, j.prompt)
	m.line = append(m.line, j)
	s.work(w)
}

func (s *sim) work(w int) {
	m := s.machines[w]
	for m.busy < simSlots && len(m.line) > 0 {
		j := m.line[0]
		m.line = m.line[1:]
		m.busy++
		if j.cached = min(m.cache[j.conv], j.tokens-1); j.cached == 0 {
			j.cached = simSystem
		}
		waited := s.now - j.sent
		prefill := float64(j.tokens-j.cached) * simPrefill * m.slow
		s.after(prefill, func() {
			m.keep(j.conv, max(j.tokens, m.cache[j.conv]))
			if waited == 0 {
				learn(&j.node.prefill[w], prefill/float64(j.tokens-j.cached))
			}
			if j.counts {
				s.first = append(s.first, s.now-j.at)
				s.seen += j.tokens
				s.cached += j.cached
				m.served++
				s.served++
			}
		})
		s.after(prefill+float64(j.output)*simDecode*m.slow, func() { s.done(j) })
	}
}

func (s *sim) done(j *job) {
	m := s.machines[j.worker]
	m.busy--
	m.total--
	m.keep(j.conv, max(j.tokens+j.output, m.cache[j.conv]))
	learn(&j.node.service[j.worker], s.now-j.sent)
	j.node.index.Correct(j.node.view[j.worker].ID, j.prompt, j.cached)

	s.work(j.worker)
	for i := range s.hubs {
		s.drain(s.hubs[(i+s.rnd.IntN(len(s.hubs)))%len(s.hubs)])
	}
}

// learn is a moving mean.
func learn(mean *float64, x float64) {
	*mean += (x - cmp.Or(*mean, x)) * 0.02
	*mean = cmp.Or(*mean, x)
}

func (s *sim) outcome() outcome {
	slices.Sort(s.first)
	o := outcome{
		p50: s.first[len(s.first)/2], p99: s.first[len(s.first)*99/100],
		cached: float64(s.cached) / float64(s.seen),
	}
	for _, m := range s.machines {
		o.share = append(o.share, float64(m.served)/float64(s.served))
	}
	return o
}
