// Package recap is the skill that says what the conversation is about: a model sums
// it up where there is one, else the last turns are shown as they were said.
package recap

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "recap"

const (
	// lastTurns is how many turns are shown without a model.
	lastTurns = 5
	// maxLine bounds what is shown of one line, in characters.
	maxLine = 200
	// maxSummary bounds what a model says, in bytes.
	maxSummary = 16 << 10
)

// Models says which model pool answers. ok is false where there is none.
type Models interface {
	Choose(w models.Wish) (c models.Choice, ok bool)
}

// Skill sums up. It is safe for concurrent use.
type Skill struct{ models Models }

// New makes the skill; nil means that there is no model.
func New(m Models) *Skill { return &Skill{models: m} }

// Manifest introduces the skill.
func (s *Skill) Manifest() skills.Manifest {
	return skills.Manifest{Name: Name, Commands: []skills.Command{{Name: "recap", Help: about}}}
}

// Handle says what the conversation is about. It is no part of the conversation.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	language := t.Envelope.From.Language
	history, err := t.Session.History()
	if err != nil {
		return fault.New(fault.NeedsHuman, "recap: read history", err)
	}
	if len(history) == 0 {
		w.Reply(core.Text{Text: nothing.In(language)})
		return nil
	}
	client, ok := s.client(t)
	if !ok {
		w.Reply(core.Text{Text: lately(history, language)})
		return nil
	}
	w.Draft()
	summary, err := summarise(ctx, client, t, history)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		t.Log.Warn().Err(err).Msg("no summary, showing the last turns")
		w.Reply(core.Text{Text: noSummary.In(language) + "\n\n" + lately(history, language)})
	default:
		w.Reply(core.Text{Text: summary, Format: core.Markdown})
	}
	return nil
}

// client is that of the pool which answers the conversation.
func (s *Skill) client(t *skills.Turn) (models.Client, bool) {
	if s.models == nil {
		return nil, false
	}
	chosen, by := t.Chosen()
	c, ok := s.models.Choose(models.Wish{
		Named: t.Model, Chosen: chosen, ChosenBy: string(by), Skill: Name, Account: string(t.Envelope.In.Account),
	})
	return c.Client, ok
}

// summarise has the model say what was talked about.
func summarise(ctx context.Context, client models.Client, t *skills.Turn, history []session.Turn) (string, error) {
	var talk strings.Builder
	for _, turn := range history {
		for _, line := range turn.Said {
			fmt.Fprintf(&talk, "%s: %s\n", speaker(line, "Person"), line.Text)
		}
		if turn.Answer != "" {
			fmt.Fprintf(&talk, "Bot: %s\n", turn.Answer)
		}
	}
	language := t.Envelope.From.Language
	if language == "" {
		language = "the language of the conversation"
	}
	request := models.Request{
		Trace: t.Envelope.Trace,
		For:   models.Payer{Account: string(t.Envelope.In.Account), Person: string(t.Person), Role: string(t.Role), Skill: Name},
		Messages: []models.Message{
			{Role: models.System, Text: fmt.Sprintf(instruction, language)},
			{Role: models.User, Text: talk.String()},
		},
	}
	var text strings.Builder
	for d, err := range client.Chat(ctx, request) {
		if err != nil {
			return "", err
		}
		if d.Reset {
			text.Reset()
		}
		text.WriteString(d.Text)
		if d.Finish != "" || text.Len() > maxSummary {
			break
		}
	}
	summary := strings.TrimSpace(text.String())
	if summary == "" {
		return "", fault.New(fault.Retryable, "recap", errEmpty)
	}
	return summary, nil
}

// lately shows the last turns.
func lately(history []session.Turn, language string) string {
	lines := []string{fmt.Sprintf(heading.In(language), min(lastTurns, len(history)), len(history)), ""}
	for _, turn := range history[max(0, len(history)-lastTurns):] {
		for _, line := range turn.Said {
			lines = append(lines, speaker(line, you.In(language))+": "+short(line.Text))
		}
		if turn.Answer != "" {
			lines = append(lines, me.In(language)+": "+short(turn.Answer))
		}
	}
	return strings.Join(lines, "\n")
}

// speaker names who said a line; in private there is only one person.
func speaker(l session.Line, person string) string {
	if l.Name != "" {
		return l.Name
	}
	return person
}

// short is a text in one line, cut where it is long.
func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= maxLine {
		return text
	}
	return string([]rune(text)[:maxLine-1]) + "…"
}
