package models_test

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-hub/parley/models"
)

func TestAmount(t *testing.T) {
	for text, want := range map[string]models.Amount{
		"0": 0, "0.10": 100_000, "0.000001": 1, "5": 5_000_000, "12.50": 12_500_000, "007.7": 7_700_000, "9000000000000": 9_000_000_000_000_000_000,
	} {
		var a, again models.Amount
		if err := a.UnmarshalText([]byte(text)); err != nil || a != want {
			t.Errorf("%s: %d, %v", text, a, err)
		}
		spelled, err := a.MarshalText()
		if err == nil {
			err = again.UnmarshalText(spelled)
		}
		if err != nil || again != a {
			t.Errorf("%s is spelled %s: %d, %v", text, spelled, again, err)
		}
	}
	for _, text := range []string{"", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000001", "1,5", "99999999999999", "9223372036854775807", "0x1", "1.-5", "1_0"} {
		a := models.Amount(7)
		if err := a.UnmarshalText([]byte(text)); err == nil || a != 7 {
			t.Errorf("%q is read as %v", text, a)
		}
	}
	for a, want := range map[models.Amount]string{0: "0", 1: "0.000001", -1_500_000: "-1.5", 120_000: "0.12", 3_000_000: "3"} {
		if a.String() != want {
			t.Errorf("%d: %s, want %s", a, a, want)
		}
	}
}

func FuzzAmount(f *testing.F) {
	for _, text := range []string{"0.10", "5", "1e3", "", "000.000001", "-0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a, again models.Amount
		if a.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(a.String())); a < 0 || err != nil || again != a {
			t.Errorf("%q is %d, spelled %s, read as %d, %v", text, a, a, again, err)
		}
	})
}

func TestPricesAndBudgetsProblems(t *testing.T) {
	below := models.Amount(-1)
	c := models.Config{
		Prices: models.Prices{Currency: "eur", Table: []models.Price{{Model: "a"}, {}, {Model: "a", Prompt: -1, Cached: &below, Completion: -1}}},
		Budgets: []models.Budget{
			{Scope: "room", Day: models.Limit{Tokens: 1}},
			{Scope: models.ScopeRole, Name: "guest"},
			{Scope: models.ScopeRole, Name: "guest", Day: models.Limit{Tokens: -1, Cost: -1}},
			{Scope: models.ScopePerson, Month: models.Limit{Cost: 5}},
		},
	}
	keys := func(c models.Config) (out []string) {
		for _, p := range c.Validate() {
			out = append(out, p.Key)
			if p.Text == "" {
				t.Errorf("%s has no text", p.Key)
			}
		}
		return out
	}
	want := []string{
		"budgets[0].scope", "budgets[1]", "budgets[2].day.cost", "budgets[2].day.tokens", "budgets[2].name",
		"prices.currency", "prices.table[1].model", "prices.table[2].model", "prices.table[2].cached", "prices.table[2].completion", "prices.table[2].prompt",
	}
	if got := keys(c); !slices.Equal(got, want) {
		t.Errorf("problems at %q, want %q", got, want)
	}
	if got := keys(models.Config{Prices: models.Prices{Table: []models.Price{{Model: "a"}}}}); !slices.Equal(got, []string{"prices.currency"}) {
		t.Errorf("prices without a currency: %q", got)
	}
	if got := keys(models.Config{Budgets: c.Budgets[3:]}); !slices.Equal(got, []string{"budgets[0].month.cost"}) {
		t.Errorf("a cost without prices: %q", got)
	}
}

func TestAtOnce(t *testing.T) {
	c := models.Config{}.WithDefaults()
	if user, admin, other := c.AtOnce.For("user"), c.AtOnce.For("admin"), c.AtOnce.For("tester"); user != 4 || admin != 16 || other != 4 {
		t.Errorf("%d, %d, %d", user, admin, other)
	}
	c.AtOnce, c.KeepUsage = models.AtOnce{User: -1, Admin: -2}, time.Hour
	if got := c.Validate(); len(got) != 3 || got[0].Key != "at_once.user" || got[1].Key != "at_once.admin" || got[2].Key != "keep_usage" {
		t.Errorf("problems: %v", got)
	}
}
