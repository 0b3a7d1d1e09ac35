package usage_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/usage"
)

func amount(text string) models.Amount {
	var a models.Amount
	if err := a.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return a
}

func prices() models.Prices {
	cached := amount("0.02")
	return models.Prices{Currency: "EUR", Table: []models.Price{
		{Model: "small", Prompt: amount("0.10"), Cached: &cached, Completion: amount("0.40")},
		{Model: "plain", Prompt: amount("3"), Completion: amount("15")},
		{Model: "free"},
	}}
}

func TestCost(t *testing.T) {
	table := usage.NewTable(prices())
	for _, c := range []struct {
		model                      string
		prompt, cached, completion int64
		want                       int64
	}{
		{"small", 1_000_000, 0, 0, 100_000},
		{"small", 1_000_000, 1_000_000, 0, 20_000},
		{"small", 0, 0, 1_000_000, 400_000},
		{"small", 1000, 400, 250, 168}, // 60 + 8 + 100
		{"small", 4, 0, 0, 0},          // 0.4 of a millionth
		{"small", 5, 0, 0, 1},          // halves go up
		{"small", 4, 0, 1, 1},          // 0.8: rounded once, not part by part
		{"plain", 10, 7, 1, 45},        // cached as the rest
		{"free", 1 << 40, 0, 1 << 40, 0},
		{"small", -5, 3, -1, 0},        // no worker earns by lying
		{"small", 10, 1 << 40, 0, 0},   // 10 cached
		{"plain", 10, -1 << 40, 0, 30}, // none cached
		{"plain", 0, 0, math.MaxInt64, math.MaxInt64},
	} {
		if got, ok := table.Cost(c.model, c.prompt, c.cached, c.completion); got != c.want || !ok {
			t.Errorf("%+v: %d, %v", c, got, ok)
		}
	}
	if got, ok := table.Cost("other", 1, 0, 1); got != 0 || ok {
		t.Errorf("a model without a price costs %d, %v", got, ok)
	}
}

// Against exact numbers: off by half a millionth at most, and never below 0.
func FuzzCost(f *testing.F) {
	f.Add(int64(1000), int64(400), int64(250), int64(100_000), int64(20_000), int64(400_000))
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, prompt, cached, completion, p, c, w int64) {
		if min(prompt, cached, completion, p, c, w) < 0 || cached > prompt {
			return
		}
		price := models.Amount(c)
		table := usage.NewTable(models.Prices{Currency: "EUR", Table: []models.Price{
			{Model: "m", Prompt: models.Amount(p), Cached: &price, Completion: models.Amount(w)},
		}})
		got, ok := table.Cost("m", prompt, cached, completion)
		sum := new(big.Int)
		for _, part := range [][2]int64{{prompt - cached, p}, {cached, c}, {completion, w}} {
			sum.Add(sum, new(big.Int).Mul(big.NewInt(part[0]), big.NewInt(part[1])))
		}
		sum.Add(sum, big.NewInt(500_000)).Quo(sum, big.NewInt(1_000_000))
		want := int64(math.MaxInt64)
		if sum.IsInt64() {
			want = sum.Int64()
		}
		if got != want || !ok {
			t.Errorf("%d, %v; want %d", got, ok, want)
		}
	})
}

func TestVersion(t *testing.T) {
	one := usage.NewTable(prices())
	turned := prices()
	turned.Table[0], turned.Table[2] = turned.Table[2], turned.Table[0]
	spelled := prices()
	three := amount("3.0")
	spelled.Table[1].Cached = &three // what it is anyway
	for name, p := range map[string]models.Prices{"order": turned, "spelling": spelled} {
		if v := usage.NewTable(p).Version(); v != one.Version() || v == "" {
			t.Errorf("%s makes another version: %q, %q", name, v, one.Version())
		}
	}
	for name, change := range map[string]func(*models.Prices){
		"currency": func(p *models.Prices) { p.Currency = "USD" },
		"price":    func(p *models.Prices) { p.Table[1].Prompt++ },
		"model":    func(p *models.Prices) { p.Table[2].Model = "gratis" },
		"cached":   func(p *models.Prices) { p.Table[0].Cached = nil },
	} {
		p := prices()
		change(&p)
		if usage.NewTable(p).Version() == one.Version() {
			t.Errorf("another %s is the same version", name)
		}
	}
	if v := usage.NewTable(models.Prices{}).Version(); v != "" {
		t.Errorf("a table of nothing is version %q", v)
	}
}

// Only what was served, or would have been, is charged to who asked.
func TestWhoBearsIt(t *testing.T) {
	table := usage.NewTable(prices())
	for outcome, account := range map[usage.Outcome]string{
		usage.Served: "bot", usage.Cache: "bot",
		usage.RetryWaste: usage.RetryAccount, usage.HedgeWaste: usage.HedgeAccount, usage.Cancelled: usage.CancelledAccount,
	} {
		e := table.Price(usage.Entry{
			Outcome: outcome, Model: "plain", Account: "bot", Person: "p", Role: "user", Skill: "chat", Worker: "w", Prompt: 10, Completion: 2,
		})
		charged := outcome == usage.Served || outcome == usage.Cache
		if e.Account != account || (e.Person != "") != charged || (e.Role != "") != charged || e.Skill != "chat" || e.Worker != "w" {
			t.Errorf("%s: %+v", outcome, e)
		}
		if e.Micros != 60 || e.Currency != "EUR" || e.Price != table.Version() {
			t.Errorf("%s: %+v", outcome, e)
		}
	}
	if e := table.Price(usage.Entry{Outcome: usage.Served, Model: "other", Prompt: 10}); e.Micros != 0 || e.Price != "" || e.Currency != "" {
		t.Errorf("a model without a price: %+v", e)
	}
}
