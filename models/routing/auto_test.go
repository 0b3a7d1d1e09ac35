package routing_test

import (
	"testing"
	"time"

	"github.com/parley-hub/parley/models/routing"
)

// chat is a prompt of so many blocks, the first of which all conversations share.
func chat(id uint64, blocks int) routing.Prompt {
	p := routing.Prompt{Tokens: blocks*64 + 30, System: 9, Session: id, Blocks: []uint64{1}}
	for i := 1; i < blocks; i++ {
		p.Blocks = append(p.Blocks, id*1000+uint64(i))
	}
	return p
}

// mostly gives the worker that is picked in most of many picks; chance has its part.
func mostly(t *testing.T, p routing.Policy, prompt routing.Prompt, workers []routing.Worker) int {
	t.Helper()
	got := map[int]int{}
	for range 300 {
		got[p.Pick(prompt, workers)]++
	}
	for i, n := range got {
		if n > 270 {
			return i
		}
	}
	t.Fatalf("no worker is preferred: %v", got)
	return -1
}

func TestAutoGoesWhereThePromptIsCached(t *testing.T) {
	index, workers := routing.NewIndex(0), fleet(4, 8)
	p := policy(t, routing.Auto, index, 1)
	index.Insert("gpu-2", chat(5, 30))
	if i := mostly(t, p, chat(5, 34), workers); i != 2 {
		t.Errorf("the conversation goes to worker %d", i)
	}
	// A busy worker is still better than computing it all again; a hot one is not.
	workers[2].InFlight = 2
	if i := mostly(t, p, chat(5, 34), workers); i != 2 {
		t.Errorf("because of two others the conversation goes to worker %d", i)
	}
	workers[2].InFlight = 8
	if i := mostly(t, p, chat(5, 34), workers); i == 2 {
		t.Error("a worker without a free slot gets more while others have nothing to do")
	}
	workers[2].InFlight = 0
	index.Drop("gpu-2")
	if got := index.Cached("gpu-2", chat(5, 34)); got != 0 {
		t.Errorf("after Drop %d tokens are cached", got)
	}
}

func TestNodesAgreeOnNewSessions(t *testing.T) {
	workers := fleet(4, 8)
	one, other := routing.NewIndex(0), routing.NewIndex(0)
	// Both know the system prompt, of other conversations and from other workers.
	for i, w := range workers {
		one.Insert(w.ID, chat(uint64(100+i), 20))
		other.Insert(w.ID, chat(uint64(200+i), 20))
	}
	here, there := policy(t, routing.Auto, one, 1), policy(t, routing.Auto, other, 2)
	homes := map[int]bool{}
	for id := uint64(1); id <= 20; id++ {
		a, b := mostly(t, here, chat(id, 3), workers), mostly(t, there, chat(id, 3), workers)
		if a != b {
			t.Errorf("session %d is at home at %d and at %d", id, a, b)
		}
		homes[a] = true
	}
	if len(homes) < 3 {
		t.Errorf("all sessions are at home at %v", homes)
	}
}

func TestUnknownPromptsOfOneKindBeginTogether(t *testing.T) {
	workers := fleet(4, 8)
	p := policy(t, routing.Auto, routing.NewIndex(0), 1)
	home := mostly(t, p, chat(1, 3), workers)
	for id := uint64(2); id < 10; id++ {
		if i := mostly(t, p, chat(id, 3), workers); i != home {
			t.Errorf("session %d begins at %d, the first at %d", id, i, home)
		}
	}
}

func TestASlowWorkerIsNotFedToTheCap(t *testing.T) {
	workers := fleet(4, 8)
	workers[0].Speed, workers[0].Service, workers[0].PrefillPerToken = 0.25, 4*time.Second, 800*time.Microsecond
	p := policy(t, routing.Auto, routing.NewIndex(0), 1)
	for i := range workers {
		workers[i].InFlight = 10
	}
	workers[0].InFlight = 8
	if i := p.Pick(chat(1, 3), workers); i != -1 {
		t.Errorf("worker %d is picked, want the request to wait for a fast one", i)
	}
}

func TestCostPutsThoseFirstWhoAreAtHome(t *testing.T) {
	index, workers := routing.NewIndex(0), fleet(2, 8)
	p := policy(t, routing.Auto, index, 1)
	index.Insert("gpu-0", chat(1, 60))
	index.Insert("gpu-1", chat(2, 20))
	home, elsewhere, fresh := p.Cost(chat(1, 70), workers[0]), p.Cost(chat(2, 21), workers[0]), p.Cost(chat(3, 100), workers[0])
	if home >= elsewhere {
		t.Errorf("at home it costs %v, a guest %v", home, elsewhere)
	}
	if fresh >= elsewhere {
		t.Errorf("one that nobody knows costs %v, a guest %v", fresh, elsewhere)
	}
	for _, name := range names[1:] {
		if c := policy(t, name, index, 1).Cost(chat(1, 70), workers[0]); c != 0 {
			t.Errorf("%s has an opinion: %v", name, c)
		}
	}
}
