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
	lineIsLong = skills.Phrase{
		"en": "The model is busy, and you would be number %d in line. Please try again in %d seconds.",
		"de": "Das Modell ist beschäftigt, und du wärst Nummer %d in der Schlange. Versuche es bitte in %d Sekunden noch einmal.",
	}
	tooManyAsked = skills.Phrase{
		"en": "I am still busy with %d questions of yours. Please wait until one of them is answered.",
		"de": "Ich bin noch mit %d Fragen von dir beschäftigt. Warte bitte, bis eine davon beantwortet ist.",
	}
)

// tellRefusal answers whoever is not admitted with the reason, at once and in their
// language: no budget is left, the line is too long, or too many of their own requests are
// under way. Another try of the turn would have them look at nothing instead.
func tellRefusal(next skills.Handler) skills.Handler {
	return skills.HandlerFunc(func(ctx context.Context, t *skills.Turn, w skills.Writer) error {
		err := next.Handle(ctx, t, w)
		words := refusalIn(t.Envelope.From.Language, err)
		if words == "" {
			return err
		}
		t.Log.Info().Err(err).Msg("not admitted to a model")
		w.Reply(core.Text{Text: words})
		return nil
	})
}

// refusalIn gives the words for a fault of admission; "" for any other.
func refusalIn(language string, err error) string {
	var over *admission.Exceeded
	var full *admission.Full
	var many *admission.TooMany
	switch {
	case errors.As(err, &over):
		return overBudget(over, language)
	case errors.As(err, &full):
		return fmt.Sprintf(lineIsLong.In(language), full.Place, int(full.Wait.Seconds()))
	case errors.As(err, &many):
		return fmt.Sprintf(tooManyAsked.In(language), many.Most)
	default:
		return ""
	}
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
