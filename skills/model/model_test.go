package model_test

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/model"
	"github.com/parley-hub/parley/skills/skilltest"
)

// silent is a model that nobody asks.
type silent struct{}

func (silent) Chat(context.Context, models.Request) iter.Seq2[models.Delta, error] {
	panic("the skill asked a model")
}

func registry(pools ...string) *models.Registry {
	o := models.Offer{
		Default: "chat", Pools: map[string]models.Client{}, Skills: map[string]string{"chat": "big"}, Accounts: map[string]string{},
		Roles: map[string][]string{"fast": {models.RoleUser}, "default": {models.RoleUser}},
	}
	for _, p := range pools {
		o.Pools[p] = silent{}
	}
	r := &models.Registry{}
	r.Offer(o)
	return r
}

func TestSuite(t *testing.T) {
	skilltest.Run(t, skilltest.Harness{New: func(*testing.T) skills.Skill {
		return model.New(model.Options{Models: registry("chat", "fast"), Of: "chat"})
	}})
}

func TestChoosing(t *testing.T) {
	all := []string{"chat", "fast", "big"}
	for name, c := range map[string]struct {
		pools    []string
		args     string
		role     skills.Role
		was      string
		want     string
		words    string
		language string
	}{
		"a name":                 {all, "Fast", skills.User, "", "fast", "From the next message on fast answers here.", ""},
		"a number of theirs":     {all, "1.", skills.User, "", "fast", "From the next message on fast answers here.", ""},
		"an admin's number":      {all, "1", skills.Admin, "", "big", "From the next message on big answers here.", ""},
		"not for this role":      {all, "chat", skills.User, "", "", "You have no model \"chat\" to choose. There are: fast.", ""},
		"an unknown one":         {all, "gpt", skills.Admin, "", "", "You have no model \"gpt\" to choose. There are: big, chat, fast.", ""},
		"it keeps what was":      {all, "gpt", skills.User, "fast", "fast", "You have no model \"gpt\" to choose. There are: fast.", ""},
		"nothing to choose":      {all[:1], "chat", skills.User, "", "", "You have no model \"chat\" to choose. There is nothing for you to choose from.", ""},
		"back":                   {all, "default", skills.User, "fast", "", "From the next message on the default answers here: big.", ""},
		"back by a button":       {all, "*", skills.User, "fast", "", "From the next message on the default answers here: big.", ""},
		"back in German":         {all[:2], "Standard", skills.User, "fast", "", "Ab der nächsten Nachricht antwortet hier der Standard: chat.", "de"},
		"a pool named default":   {append(all, "default"), "default", skills.User, "", "default", "From the next message on default answers here.", ""},
		"shown, one's own":       {all, "", skills.User, "fast", "fast", "Here fast answers, chosen for this conversation.\n\nYou may choose:\n1. fast\n\nWrite /model with", ""},
		"shown, the default":     {all, "", skills.User, "", "", "Here big answers.\n\nYou may choose:\n1. fast\n", ""},
		"shown, no choice":       {all[:1], "", skills.User, "", "", "Here chat answers.\n\nThere is nothing for you to choose from.", ""},
		"shown, no longer there": {all[:1], "", skills.User, "fast", "fast", "Here chat answers.\nThe chosen fast is not available here at the moment.\n", ""},
		"shown, no longer theirs": {
			all, "", skills.User, "chat", "chat", "Here big answers.\nThe chosen chat is not available here at the moment.\n", "",
		},
		"shown, nothing at all": {nil, "", skills.Admin, "", "", "Hier gibt es kein Modell.\n\nFür dich gibt es hier nichts zu wählen.", "de"},
	} {
		t.Run(name, func(t *testing.T) {
			var w skilltest.RecordingWriter
			turn := skilltest.NewTurn(skilltest.TurnOptions{Command: "model", Args: c.args, Language: c.language})
			turn.Role = c.role
			if c.was != "" {
				turn.Session.SetModel(c.was, string(skills.User))
			}
			if err := model.New(model.Options{Models: registry(c.pools...), Of: "chat"}).Handle(t.Context(), turn, &w); err != nil {
				t.Fatal(err)
			}
			if turn.Session.Model() != c.want || !strings.HasPrefix(w.Text(), c.words) {
				t.Errorf("chose %q, said %q; want %q and %q", turn.Session.Model(), w.Text(), c.want, c.words)
			}
		})
	}
}

// What somebody chose for a group holds for all in it, as long as their role may choose it.
func TestAGroupsChoice(t *testing.T) {
	for by, want := range map[string]string{models.RoleAdmin: "Here chat answers, chosen for this conversation.", models.RoleUser: "Here big answers."} {
		turn := skilltest.NewTurn(skilltest.TurnOptions{Command: "model", Place: core.Group})
		turn.Session.SetModel("chat", by)
		var w skilltest.RecordingWriter
		if err := model.New(model.Options{Models: registry("chat", "big"), Of: "chat"}).Handle(t.Context(), turn, &w); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(w.Text(), want) {
			t.Errorf("chosen by %s: %q, want %q", by, w.Text(), want)
		}
	}
}

func TestTheLastAnswersVersion(t *testing.T) {
	turn := skilltest.NewTurn(skilltest.TurnOptions{Command: "model"})
	turn.Session = skilltest.NewSession(
		session.Turn{ID: "1", Answer: "hi", By: session.By{Pool: "chat", Version: "green", Model: "qwen3-8b"}}, session.Turn{ID: "2"},
	)
	var w skilltest.RecordingWriter
	if err := model.New(model.Options{Models: registry("chat", "fast"), Of: "chat"}).Handle(t.Context(), turn, &w); err != nil {
		t.Fatal(err)
	}
	if want := "Here chat answers.\nThe last answer came from chat, version green (qwen3-8b).\n"; !strings.HasPrefix(w.Text(), want) {
		t.Errorf("%q, want %q", w.Text(), want)
	}
	var buttons []string
	for _, p := range w.Replies()[0] {
		if b, ok := p.(core.Buttons); ok {
			for _, row := range b.Rows {
				buttons = append(buttons, row[0].Data)
			}
		}
	}
	if got := strings.Join(buttons, " "); got != "model:fast model:*" {
		t.Errorf("buttons %q", got)
	}
}
