package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/admission"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/skilltest"
)

func TestTellRefusal(t *testing.T) {
	resets := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		over     admission.Exceeded
		language string
		want     string
	}{
		"a person's day": {
			admission.Exceeded{Budget: models.Budget{Scope: models.ScopePerson}, Span: admission.Day}, "en",
			"Nothing is left of your budget for today. It begins anew on 2026-12-01 00:00 UTC.",
		},
		"too little, in German": {
			admission.Exceeded{Budget: models.Budget{Scope: models.ScopeRole}, Span: admission.Month, Cost: true, Left: admission.Sum{Cost: 1}}, "de-AT",
			"Was von dem Budget deiner Gruppe für diesen Monat übrig ist, reicht dafür nicht. Es beginnt neu am 2026-12-01 00:00 UTC.",
		},
		"tokens, while there is money": {
			admission.Exceeded{Budget: models.Budget{Scope: models.ScopeAccount}, Span: admission.Month, Left: admission.Sum{Cost: 1}}, "",
			"Nothing is left of this bot's budget for this month. It begins anew on 2026-12-01 00:00 UTC.",
		},
	} {
		test.over.Resets = resets
		turn := skilltest.NewTurn(skilltest.TurnOptions{})
		turn.Envelope.From.Language = test.language
		w := &skilltest.RecordingWriter{}
		err := tellRefusal(skills.HandlerFunc(func(context.Context, *skills.Turn, skills.Writer) error {
			return fault.New(fault.RateLimited, "reserve", &test.over)
		})).Handle(t.Context(), turn, w)
		replies := w.Replies()
		if err != nil || len(replies) != 1 || len(replies[0]) != 1 || replies[0][0] != (core.Text{Text: test.want}) {
			t.Errorf("%s: %v, %v", name, replies, err)
		}
	}
	for _, want := range []error{nil, errors.New("other"), fault.New(fault.RateLimited, "reserve", admission.ErrSetAside)} {
		w := &skilltest.RecordingWriter{}
		err := tellRefusal(skills.HandlerFunc(func(context.Context, *skills.Turn, skills.Writer) error { return want })).
			Handle(t.Context(), skilltest.NewTurn(skilltest.TurnOptions{}), w)
		if !errors.Is(err, want) || len(w.Replies()) > 0 {
			t.Errorf("%v became %v", want, err)
		}
	}
}

func TestTellPlaceAndCrowd(t *testing.T) {
	full := &admission.Full{Place: 7, Wait: 12 * time.Second, Because: admission.ErrFull}
	for name, test := range map[string]struct {
		err      error
		language string
		want     string
	}{
		"line":         {full, "fr", "The model is busy, and you would be number 7 in line. Please try again in 12 seconds."},
		"line, German": {full, "de", "Das Modell ist beschäftigt, und du wärst Nummer 7 in der Schlange. Versuche es bitte in 12 Sekunden noch einmal."},
		"crowd":        {&admission.TooMany{Most: 4}, "de", "Ich bin noch mit 4 Fragen von dir beschäftigt. Warte bitte, bis eine davon beantwortet ist."},
	} {
		if got := refusalIn(test.language, fault.New(fault.RateLimited, "pool", test.err)); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
