package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
	"github.com/parley-hub/parley/skills"
)

var (
	whoseBudget = map[models.Scope]skills.Phrase{
		models.ScopePerson:  {"en": "your budget", "de": "deinem Budget"},
		models.ScopeRole:    {"en": "your group's budget", "de": "dem Budget deiner Gruppe"},
		models.ScopeAccount: {"en": "this bot's budget", "de": "dem Budget dieses Bots"},
	}
	spanOfBudget = map[admission.Span]skills.Phrase{
		admission.Day:   {"en": "today", "de": "heute"},
		admission.Month: {"en": "this month", "de": "diesen Monat"},
	}
	nothingLeft = skills.Phrase{
		"en": "Nothing is left of %s for %s. It begins anew on %s.",
		"de": "Von %s für %s ist nichts mehr übrig. Es beginnt neu am %s.",
	}
	tooLittleLeft = skills.Phrase{
		"en": "What is left of %s for %s is too little for this. It begins anew on %s.",
		"de": "Was von %s für %s übrig ist, reicht dafür nicht. Es beginnt neu am %s.",
	}
)

// tellBudget answers whoever has no budget left with that, at once: no other try of the turn
// would help before the budget begins anew.
func tellBudget(next skills.Handler) skills.Handler {
	return skills.HandlerFunc(func(ctx context.Context, t *skills.Turn, w skills.Writer) error {
		err := next.Handle(ctx, t, w)
		var over *admission.Exceeded
		if !errors.As(err, &over) {
			return err
		}
		t.Log.Info().Err(err).Msg("refused by a budget")
		w.Reply(core.Text{Text: overBudget(over, t.Envelope.From.Language)})
		return nil
	})
}

func overBudget(over *admission.Exceeded, language string) string {
	phrase, left := nothingLeft, over.Left.Tokens
	if over.Cost {
		left = int64(over.Left.Cost)
	}
	if left > 0 {
		phrase = tooLittleLeft
	}
	return fmt.Sprintf(phrase.In(language), whoseBudget[over.Budget.Scope].In(language), spanOfBudget[over.Span].In(language),
		over.Resets.Format("2006-01-02 15:04 MST"))
}
