package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowd is the people of one platform in the cluster test, who talk until they are told
// to stop.
type crowd struct {
	t    *testing.T
	name string
	sim  platform
	// first is the number of the first person: nobody of another crowd has the same.
	first int
	seed  uint64

	// swaps is how many pairs of messages the platform is yet to tell in the wrong order.
	swaps atomic.Int64

	// late is how many messages were told so late that others came before; known when it is
	// judged.
	late int

	mu sync.Mutex
	// said are each person's words, in the order in which the platform tells them.
	said [][]string
}

func newCrowd(t *testing.T, name string, sim platform, first, people int, seed uint64) *crowd {
	return &crowd{t: t, name: name, sim: sim, first: first, seed: seed, said: make([][]string, people)}
}

// talk returns when stop is closed and everybody has the answers to what they said, or
// when ctx ends.
func (c *crowd) talk(ctx context.Context, stop <-chan struct{}) {
	var wg sync.WaitGroup
	for person := range c.said {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(c.seed, uint64(c.first+person)))
			for {
				if err := c.burst(ctx, person, 1+rng.IntN(4)); err != nil {
					c.t.Errorf("%s: %v", c.who(person), err)
					return
				}
				pause := time.NewTimer(time.Duration(rng.IntN(1000)) * time.Millisecond)
				select {
				case <-pause.C:
				case <-stop:
					pause.Stop()
					return
				}
			}
		})
	}
	wg.Wait()
}

// burst says some messages and waits for the answer to the last.
func (c *crowd) burst(ctx context.Context, person, n int) error {
	var words []string
	for range n {
		words = append(words, word(c.first+person, len(c.said[person])+len(words)))
	}
	sim, swaps := c.sim.(swapping)
	swaps = swaps && n > 1 && c.swaps.Add(-1) >= 0
	if swaps {
		sim.swap(person)
	}
	for _, word := range words {
		if err := c.sim.say(person, word); err != nil {
			return err
		}
	}
	if swaps { // what is told first is answered first
		words[0], words[1] = words[1], words[0]
	}
	last := words[n-1]
	c.mu.Lock()
	c.said[person] = append(c.said[person], words...)
	c.mu.Unlock()
	answered := func() bool {
		answers := c.sim.answers(person)
		slices.Reverse(answers) // it is among the last
		return slices.ContainsFunc(answers, func(text string) bool { return strings.HasPrefix(text, last+" after") })
	}
	if err := c.sim.wait(ctx, answered); err != nil {
		return fmt.Errorf("no answer to %s: %w", last, err)
	}
	return nil
}

func (c *crowd) who(person int) string { return fmt.Sprintf("%s, c%d", c.name, c.first+person) }

// total is how many messages were said so far.
func (c *crowd) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, said := range c.said {
		n += len(said)
	}
	return n
}

func (c *crowd) judge() verdict {
	var v verdict
	for person, said := range c.said {
		answers := c.sim.answers(person)
		v = v.add(judge(c.t, c.who(person), fmt.Sprintf("c%d.", c.first+person), c.told(person, said, answers), answers))
	}
	return v
}

// told is said in the order in which the platform told it to the hubs: a message that it
// told once more is as late as its answer says.
func (c *crowd) told(person int, said, answers []string) []string {
	sim, ok := c.sim.(retelling)
	if !ok {
		return said
	}
	again := sim.retold(person)
	said = slices.Clone(said)
	before := ""
	for _, text := range answers {
		word, _, _ := strings.Cut(text, " after ")
		from := slices.Index(said, word)
		if behind := slices.Index(said, before); again[word] && behind > from && from >= 0 {
			said = slices.Insert(slices.Delete(said, from, from+1), behind, word)
			c.late++
		}
		before = word
	}
	return said
}
