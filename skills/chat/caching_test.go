package chat_test

import (
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills/chat"
	"github.com/parley-hub/parley/skills/skilltest"
)

// What stands alone may be answered as before: nothing was said that it leans on.
func TestWhatStandsAlone(t *testing.T) {
	for name, test := range map[string]struct {
		turn  skilltest.TurnOptions
		first bool
	}{
		"a first question":   {skilltest.TurnOptions{Text: "why?", Language: "de"}, true},
		"said before":        {skilltest.TurnOptions{Text: "why?", Language: "de", Session: skilltest.NewSession(session.Turn{ID: "a", Said: []session.Line{{Text: "hi"}}, Answer: "1"})}, false},
		"in reply to a word": {skilltest.TurnOptions{Text: "why?", Language: "de", ReplyTo: &core.Quote{Text: "No"}}, false},
	} {
		model := says("because")
		var w skilltest.RecordingWriter
		if err := chat.New(chat.Options{Models: pools{"": model}}).Handle(t.Context(), skilltest.NewTurn(test.turn), &w); err != nil {
			t.Fatal(err)
		}
		if got := model.last(t).Cache; got != (models.Caching{Locale: "de", First: test.first}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
