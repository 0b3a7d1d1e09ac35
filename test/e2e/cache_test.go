package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
)

// A person who asks the same again gets the same answer without the model, until /forget;
// nobody else gets it.
func TestKeptAnswers(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	w := start(t, setup{
		config: map[string]string{"models": `{pools: {chat: {model: fake, workers: [{url: "WORKER", api_key: "KEY", slots: 64}]}}, cache: {skills: [chat]}}`},
		model: modeltest.Options{Answer: func([]models.Message) string {
			return fmt.Sprint("answer ", n.Add(1))
		}},
	})
	told := map[int64]int{}
	say := func(who int64, text, want string) {
		t.Helper()
		told[who]++
		if got := w.ask(who, text, told[who]); !strings.HasPrefix(got.Text, want) {
			t.Fatalf("%q is answered %q, want %q", text, got.Text, want)
		}
	}
	const question = "what is the way to the station?"
	say(ann, question, "answer 1")
	say(ann, question, "answer 2") // something was said before
	say(ann, "/new", "")
	say(ann, question, "answer 1")
	say(ben, question, "answer 3")
	w.eventually("it is in the ledger", func() bool {
		sums := w.usage()
		return len(sums) == 1 && sums[0].Served.Requests == 3 && sums[0].Cached.Requests == 1
	})
	say(ann, "/forget yes", "Erased: ")
	say(ann, question, "answer 4")
	say(ben, "/new", "")
	say(ben, question, "answer 3")
	if _, metrics, err := w.hub.Get("/metrics"); err != nil || !strings.Contains(metrics, `parley_cache_hits_total{from="process",pool="chat"} 2`) {
		t.Errorf("no metrics of hits: %v", err)
	}
}
