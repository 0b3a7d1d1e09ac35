// Package model is the skill with which people see which model answers them, and choose
// another one for their conversation. It needs no model.
package model

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "model"

const (
	// maxButtons is how many models get a button; all have their number.
	maxButtons = 7
	// back is the button that goes back to the default: no pool has such a name.
	back = "*"
	// maxEcho bounds what is repeated of a name that nobody knows, in characters.
	maxEcho = 40
)

// Models says which model pools there are.
type Models interface {
	Choose(w models.Wish) (c models.Choice, ok bool)
	// May lists the pools that somebody of a role may choose, always in the same order.
	May(role string) []string
}

// Options make the skill.
type Options struct {
	Models Models
	// Of is the skill whose model it is.
	Of string
}

// Skill keeps the choice in the conversation. It is safe for concurrent use.
type Skill struct{ o Options }

// New makes the skill.
func New(o Options) *Skill { return &Skill{o} }

// Manifest introduces the skill.
func (s *Skill) Manifest() skills.Manifest {
	return skills.Manifest{Name: Name, Commands: []skills.Command{{Name: "model", Args: "[name|default]", Help: about}}}
}

// Handle chooses what was named, or shows what there is. What it chooses answers from the
// next turn on: this one is its own.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	language := t.Envelope.From.Language
	may := s.o.Models.May(string(t.Role))
	word := strings.TrimSpace(t.Args)
	if word == "" {
		return s.show(t, w, may)
	}
	pool, ok := read(word, may)
	if !ok {
		refusal := fmt.Sprintf(unknown.In(language), cut(word))
		if len(may) > 0 {
			refusal += " " + fmt.Sprintf(valid.In(language), strings.Join(may, ", "))
		} else {
			refusal += " " + noChoice.In(language)
		}
		w.Reply(core.Text{Text: refusal})
		return nil
	}
	if pool != t.Session.Model() {
		t.Session.SetModel(pool, string(t.Role))
		t.Log.Info().Str("model", pool).Msg("a conversation chose its model")
	}
	if pool == "" {
		w.Reply(core.Text{Text: fmt.Sprintf(goneBack.In(language), s.present(t).Pool)})
		return nil
	}
	w.Reply(core.Text{Text: fmt.Sprintf(chosen.In(language), pool)})
	return nil
}

// read understands a name, a number of the list, and the words for going back; those are
// names first where a pool has them.
func read(word string, may []string) (pool string, ok bool) {
	lower := strings.ToLower(word)
	if slices.Contains(may, lower) {
		return lower, true
	}
	if slices.Contains([]string{back, "default", "standard", "none", "keins"}, lower) {
		return "", true
	}
	number, err := strconv.Atoi(strings.TrimSuffix(word, "."))
	if err == nil && number >= 1 && number <= len(may) {
		return may[number-1], true
	}
	return "", false
}

// present is the pool that answers now, as far as no route names another one.
func (s *Skill) present(t *skills.Turn) models.Choice {
	pool, by := t.Chosen()
	c, _ := s.o.Models.Choose(models.Wish{Chosen: pool, ChosenBy: string(by), Skill: s.o.Of, Account: string(t.Envelope.In.Account)})
	return c
}

func (s *Skill) show(t *skills.Turn, w skills.Writer, may []string) error {
	language := t.Envelope.From.Language
	history, err := t.Session.History()
	if err != nil {
		return fault.New(fault.NeedsHuman, "model: read history", err)
	}
	now := s.present(t)
	lines := []string{presentIn(now, language)}
	if pool := t.Session.Model(); pool != "" && slices.Contains(now.Missed, pool) {
		lines = append(lines, fmt.Sprintf(missed.In(language), pool))
	}
	if by := lastBy(history); by != (session.By{}) {
		lines = append(lines, fmt.Sprintf(lately.In(language), by.Pool, by.Version, by.Model))
	}
	if len(may) == 0 {
		w.Reply(core.Text{Text: strings.Join(append(lines, "", noChoice.In(language)), "\n")})
		return nil
	}
	lines = append(lines, "", which.In(language))
	rows := [][]core.Button{}
	for i, pool := range may {
		lines = append(lines, fmt.Sprintf("%d. %s", i+1, pool))
		if i < maxButtons {
			rows = append(rows, []core.Button{{Label: pool, Data: Name + ":" + pool}})
		}
	}
	rows = append(rows, []core.Button{{Label: toDefault.In(language), Data: Name + ":" + back}})
	w.Reply(core.Text{Text: strings.Join(append(lines, "", how.In(language)), "\n")}, core.Buttons{Rows: rows})
	return nil
}

func presentIn(c models.Choice, language string) string {
	switch {
	case c.Client == nil:
		return nobody.In(language)
	case c.By == models.ByConversation:
		return fmt.Sprintf(own.In(language), c.Pool)
	default:
		return fmt.Sprintf(usual.In(language), c.Pool)
	}
}

// lastBy is who gave the last answer that is remembered.
func lastBy(history []session.Turn) session.By {
	for _, turn := range slices.Backward(history) {
		if turn.Answer != "" {
			return turn.By
		}
	}
	return session.By{}
}

// cut keeps a name that somebody made up from filling the answer.
func cut(word string) string {
	if r := []rune(word); len(r) > maxEcho {
		return string(r[:maxEcho]) + "…"
	}
	return word
}
