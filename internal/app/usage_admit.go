package app

import (
	"cmp"
	"context"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
)

const (
	// expectedAnswer is how many tokens are set aside for an answer that may be of any
	// length: most are shorter, and what was really used is settled behind it.
	expectedAnswer = 512
	// expectedImage is how many a picture is taken for.
	expectedImage = 768
)

// admit gives what sets aside the needs of requests to a pool of these models, and settles
// with what was served. Which of them answers is not known before: the dearest one's prices
// hold, which is exact where all cost the same. Budgets bound the tokens of people, roles
// and accounts; without any, everybody is admitted who has not too many requests under way.
// Calls that are for several are admitted above (front.Embed).
func (u *usages) admit(pool []string) func(models.Request) (settle func(models.Usage), err error) {
	return func(r models.Request) (func(models.Usage), error) {
		if r.For.Account == sharedAccount {
			return func(models.Usage) {}, nil
		}
		leave, err := u.crowd.Enter(r.For, u.atOnce.Load().For(r.For.Role))
		if err != nil {
			return nil, err
		}
		want := models.Usage{Prompt: promptTokens(r.Messages), Completion: cmp.Or(r.MaxTokens, expectedAnswer)}
		// The store that is asked has bounds of its own.
		reserved, err := u.budgets.Reserve(context.Background(), time.Now(), r.For, u.worth(pool, want))
		if err != nil {
			leave()
			return nil, err
		}
		return func(used models.Usage) {
			leave()
			reserved.Settle(u.worth(pool, used))
		}, nil
	}
}

// served are the models of a pool.
func served(p models.PoolConfig) []string {
	var out []string
	for _, v := range p.All() {
		out = append(out, v.Model)
	}
	return out
}

// worth is what tokens count for budgets.
func (u *usages) worth(pool []string, used models.Usage) admission.Sum {
	sum := admission.Sum{Tokens: int64(used.Prompt) + int64(used.Completion)}
	for _, model := range pool {
		if micros, ok := u.prices.Load().Cost(model, int64(used.Prompt), int64(used.Cached), int64(used.Completion)); ok {
			sum.Cost = max(sum.Cost, models.Amount(micros))
		}
	}
	return sum
}

func promptTokens(messages []models.Message) int {
	n := 0
	for _, m := range messages {
		n += core.EstimateTokens(m.Text) + expectedImage*len(m.Images)
		for _, c := range m.Calls {
			n += core.EstimateTokens(string(c.Arguments))
		}
	}
	return n
}
