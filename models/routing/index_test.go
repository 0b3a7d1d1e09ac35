package routing

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// long is a prompt of so many blocks; the first 2 are the same for all.
func long(conv uint64, blocks int) Prompt {
	p := Prompt{Tokens: blocks*blockTokens + 9, sent: new(sent)}
	for i := range uint64(blocks) {
		if i < 2 {
			p.Blocks = append(p.Blocks, i+1)
		} else {
			p.Blocks = append(p.Blocks, conv<<20|i)
		}
	}
	return p
}

func TestIndexKnowsTheLongestBeginning(t *testing.T) {
	x := NewIndex(0)
	x.Insert("a", long(1, 10))
	x.Insert("b", long(2, 5))
	for _, c := range []struct {
		worker string
		prompt Prompt
		want   int
	}{
		{"a", long(1, 20), 10}, {"a", long(1, 7), 7}, {"a", long(2, 20), 2}, {"b", long(2, 6), 5}, {"c", long(1, 3), 0},
	} {
		if got := x.Cached(c.worker, c.prompt); got != c.want*blockTokens {
			t.Errorf("Cached(%s) = %d, want %d blocks", c.worker, got, c.want)
		}
	}
	if got := x.missing("b", long(1, 20)); got != 8*blockTokens {
		t.Errorf("b lacks %d tokens of what a has, want 8 blocks", got)
	}
	x.Drop("a")
	if got := x.Cached("a", long(1, 20)); got != 0 {
		t.Errorf("after Drop a has %d", got)
	}
	if got := x.Cached("b", long(1, 20)); got != 2*blockTokens {
		t.Errorf("after a's Drop b has %d", got)
	}
}

// bounded fails when an Index holds what it need not.
func bounded(t interface {
	Helper()
	Fatalf(string, ...any)
}, x *Index, perWorker int) {
	t.Helper()
	for _, s := range x.shelves {
		sum := 0
		for i, l := range s.lanes {
			if l == nil {
				continue
			}
			sum += l.len()
			if l.len() > perWorker || len(l.nodes) > perWorker+maxBlocks+1 {
				t.Fatalf("lane %d has %d blocks in %d nodes, at most %d are allowed", i, l.len(), len(l.nodes), perWorker)
			}
			for h, at := range l.at {
				if l.nodes[at].hash != h || s.holders[h]&(1<<i) == 0 {
					t.Fatalf("lane %d and its shelf do not agree on block %x", i, h)
				}
			}
		}
		if len(s.holders) > sum {
			t.Fatalf("%d blocks have holders, the lanes have %d", len(s.holders), sum)
		}
	}
}

func TestIndexIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perWorker := rapid.IntRange(1, 40).Draw(t, "perWorker")
		x := NewIndex(perWorker)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			worker := fmt.Sprint("w", rapid.IntRange(0, 3).Draw(t, "worker"))
			p := long(rapid.Uint64Range(1, 4).Draw(t, "conv"), rapid.IntRange(0, 30).Draw(t, "blocks"))
			p.Tokens = rapid.IntRange(0, 3000).Draw(t, "tokens")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				x.Drop(worker)
				if got := x.Cached(worker, p); got != 0 {
					t.Fatalf("after Drop %d tokens are cached", got)
				}
			case 1, 2, 3:
				x.Insert(worker, p)
				x.Correct(worker, p, rapid.IntRange(0, 3000).Draw(t, "cached"))
			default:
				x.Insert(worker, p)
			}
			x.find(p)
			for i := range 4 {
				worker := fmt.Sprint("w", i)
				got := x.Cached(worker, p)
				if got < 0 || got > p.Tokens {
					t.Fatalf("%d of %d tokens are cached", got, p.Tokens)
				}
				if found := x.found(worker, p); found != got {
					t.Fatalf("find says %d, Cached %d", found, got)
				}
			}
			bounded(t, x, perWorker)
		}
	})
}

func TestDroppedWorkersLeaveNothing(t *testing.T) {
	x := NewIndex(0)
	for i := range 1000 {
		worker := fmt.Sprint("pod-", i)
		x.Insert(worker, long(uint64(i), 20))
		if i >= 100 {
			x.Drop(fmt.Sprint("pod-", i-100))
		}
		if i == 150 && x.Cached("pod-149", long(149, 20)) == 0 {
			t.Error("a worker beyond the first 64 is not known")
		}
	}
	if len(x.shelves) != 2 || len(x.places) != 100 {
		t.Errorf("%d shelves and %d workers are left", len(x.shelves), len(x.places))
	}
	bounded(t, x, x.perWorker)
}

// fill sends a worker so many conversations that are new, of 20 blocks each.
func fill(x *Index, from, n uint64) {
	for c := from; c < from+n; c++ {
		x.Insert("a", long(c, 20))
	}
}

func TestCorrectLearnsHowLongAWorkerKeepsBlocks(t *testing.T) {
	x := NewIndex(8000)
	// The worker keeps the last 50 conversations, as many as 1000 blocks.
	next := uint64(1)
	for range 400 {
		fill(x, next, 1)
		next++
		for _, ago := range []uint64{30, 100, 200} {
			if next <= ago {
				continue
			}
			p, cached := long(next-ago, 20), 2*blockTokens
			if ago == 30 {
				cached = 20 * blockTokens
			}
			x.Insert("b", p)
			s := sent{worker: "a", tokens: 20 * blockTokens, age: ago * 20}
			x.shelves[0].lanes[x.places["a"]].learn(s, cached)
		}
	}
	if got := x.Cached("a", long(next-20, 20)); got != 20*blockTokens {
		t.Errorf("of a young conversation %d tokens are expected", got)
	}
	// The common blocks are always young.
	if got, want := x.Cached("a", long(next-150, 20)), (2+18/doubted)*blockTokens; got < want || got > want+blockTokens {
		t.Errorf("of an old conversation %d tokens are expected, want about %d", got, want)
	}
}

func TestCorrectBelievesNoWorkerThatDoesNotReport(t *testing.T) {
	x := NewIndex(0)
	for range 500 {
		p := long(1, 20)
		x.Insert("a", p)
		fill(x, 2, 30)
		x.Correct("a", p, 0)
	}
	if got := x.Cached("a", long(1, 20)); got != 20*blockTokens {
		t.Errorf("%d tokens are expected", got)
	}
	// Nor is a report of somebody else's taken for a worker's.
	p := long(1, 20)
	x.Insert("b", p)
	x.Correct("a", p, 640)
	if x.shelves[0].lanes[x.places["a"]].reports {
		t.Error("b's report was taken for a's")
	}
}
