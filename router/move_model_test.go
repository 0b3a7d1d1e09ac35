package router_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Whoever links, leaves, crashes and restarts: every message is answered once, in
// its account's order, with exactly the memory of its person.
func TestHandOverModel(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 4))
			w := newTown(t, nil)
			w.crash = seed%2 == 0
			stop := w.run()
			const accounts = 5
			memory := [accounts]int{0, 1, 2, 3, 4} // which memory each account is of
			next := accounts
			var said []struct {
				text   string
				memory int
			}
			recall := func(m int) string {
				var out []string
				for _, s := range said {
					if s.memory == m {
						out = append(out, s.text)
					}
				}
				return strings.Join(out, ",")
			}
			for i := range 60 {
				n, text := random.IntN(accounts), fmt.Sprint("m", i)
				other := random.IntN(accounts)
				before := memory[n]
				seen := before
				switch random.IntN(6) {
				case 0:
					if memory[other] == before {
						break
					}
					text = fmt.Sprint("link ", other)
					for a := range memory {
						if memory[a] == before {
							memory[a] = memory[other]
						}
					}
					for s := range said {
						if said[s].memory == before {
							said[s].memory = memory[other]
						}
					}
					if seen = before; w.crash {
						seen = memory[other] // the rerun happens there
					}
				case 1:
					if count(memory[:], before) < 2 {
						break
					}
					text = "unlink"
					memory[n], next = next, next+1
					if w.crash {
						seen = memory[n]
					}
				case 2:
					w.empty()
					stop()
					stop = w.run()
				}
				want := recall(seen)
				if strings.HasPrefix(text, "link") && !w.crash {
					want = "" // of both, moved already in the model: checked with the next message
				}
				w.tell(n, text)
				got := w.text()
				if strings.HasPrefix(text, "link") && !w.crash {
					got = strings.SplitAfter(got, ": ")[0]
				}
				if got != text+": "+want {
					t.Fatalf("step %d, account %d: %q, want %q", i, n, got, text+": "+want)
				}
				at := memory[n]
				if text == "unlink" && !w.crash {
					at = before // the turn was of the memory that stayed
				}
				said = append(said, struct {
					text   string
					memory int
				}{text, at})
				w.empty()
			}
			if len(w.replies) > 0 {
				t.Errorf("%d answers too many", len(w.replies))
			}
		})
	}
}

func count(list []int, what int) (n int) {
	for _, v := range list {
		if v == what {
			n++
		}
	}
	return n
}
