package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/parley-hub/parley/test/hubtest"
)

// used is a line of parley usage.
type used struct {
	By       map[string]string `json:"by"`
	Currency string            `json:"currency"`
	Served   struct {
		Requests   int64 `json:"requests"`
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
		Micros     int64 `json:"micros"`
	} `json:"served"`
	Cached struct {
		Requests int64 `json:"requests"`
	} `json:"from_cache"`
}

func (w *world) usage(args ...string) (out []used) {
	w.t.Helper()
	got := hubtest.Run(w.t, w.hub.Dir, nil, append([]string{"usage", "--json"}, args...)...)
	if got.Code != 0 {
		w.t.Fatalf("parley usage: %+v", got)
	}
	for line := range strings.Lines(got.Out) {
		var u used
		if err := json.Unmarshal([]byte(line), &u); err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		out = append(out, u)
	}
	return out
}

// What people asked is in the ledger, priced, beside the running hub; and who spent their
// budget is told so at once, after a restart too, while others go on.
func TestUsageAndBudgets(t *testing.T) {
	t.Parallel()
	w := start(t, setup{config: map[string]string{
		"models": `{pools: {chat: {model: fake, workers: [{url: "WORKER", api_key: "KEY", slots: 64}]}},
  prices: {currency: EUR, table: [{model: fake, prompt: 1, completion: 3}]},
  budgets: [{scope: person, day: {tokens: 1000}}]}`,
		// Each answer has 400 tokens set aside; what was said before hardly counts.
		"skills":  `{rate: {count: 0}, chat: {max_tokens: 400}}`,
		"session": `{history_tokens: 50}`,
	}})
	w.ask(ben, "Frage", 1)
	w.ask(ann, strings.Repeat("many words ", 200), 1) // most of the budget
	var sums []used
	w.eventually("both answers in the ledger", func() bool {
		sums = w.usage("--by", "account,role,skill,model")
		return len(sums) == 1 && sums[0].Served.Requests == 2
	})
	s := sums[0]
	if s.By["account"] != "telegram" || s.By["role"] != "user" || s.By["skill"] != "chat" || s.By["model"] != "fake" {
		t.Errorf("charged to %v", s.By)
	}
	if s.Currency != "EUR" || s.Served.Prompt == 0 || s.Served.Completion == 0 || s.Served.Micros != s.Served.Prompt+3*s.Served.Completion {
		t.Errorf("%+v", s)
	}
	if people := w.usage("--by", "person"); len(people) != 2 {
		t.Errorf("people: %+v", people)
	}
	const short = "What is left of your budget for today is too little for this. It begins anew on "
	if got := w.ask(ann, "one more", 2); !strings.HasPrefix(got.Text, short) {
		t.Errorf("told %q", got.Text)
	}
	if code := w.hub.Stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	w.hub.Start()
	w.hub.WaitReady()
	if got := w.ask(ann, "and now?", 3); !strings.HasPrefix(got.Text, short) {
		t.Errorf("told after a restart %q", got.Text)
	}
	w.told(w.ask(ben, "und ich?", 2), "You said: und ich?")
	if asked := len(w.model.prompts()); asked != 3 {
		t.Errorf("the model was asked %d times", asked)
	}
}
