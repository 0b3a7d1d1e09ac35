package chat

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// messageTokens is what a chat template adds around each message, roughly.
const messageTokens = 4

// prompt builds the messages: the system's, the history's that fit, the new one.
// The system message and the new one always stay; the oldest turns give way,
// whole, so that no answer stands without its question.
// Turns that this one goes on from are left out: their lines are the new ones.
func (s *Skill) prompt(t *skills.Turn, lines []session.Line, sees, calls bool, without ...core.EnvelopeID) ([]models.Message, error) {
	history, err := t.Session.History()
	if err != nil {
		return nil, unreadable(err)
	}
	history = slices.DeleteFunc(slices.Clone(history), func(past session.Turn) bool { return slices.Contains(without, past.ID) })
	left := s.options.HistoryTokens - cost(lines...)
	for _, fact := range t.Session.Pinned() {
		left -= core.EstimateTokens(fact)
	}
	from := len(history)
	for from > 0 {
		left -= turnCost(history[from-1])
		if left < 0 {
			break
		}
		from--
	}
	messages := s.system(t, sees, calls, continuity(t, history))
	for _, turn := range history[from:] {
		for _, said := range turn.Said {
			messages = appendUser(messages, said)
		}
		if calls {
			messages = pastCalls(messages, turn)
		}
		if turn.Answer != "" {
			messages = append(messages, models.Message{Role: models.Assistant, Text: turn.Answer})
		}
	}
	for _, line := range lines {
		messages = appendUser(messages, line)
	}
	return messages, nil
}

// away is how long a person was silent when it is worth saying that they go on
// through another account.
const away = 30 * time.Minute

// continuity tells from where and when the talk goes on; empty for the usual case
// that it goes on where it was. It is said in private only, where one memory may be
// met through several accounts.
func continuity(t *skills.Turn, history []session.Turn) string {
	if t.Envelope.In.Place != core.Private || len(history) == 0 {
		return ""
	}
	last := history[len(history)-1]
	silent := t.Now.Sub(last.At)
	if last.Via == "" || last.Via == t.Envelope.In.Account || silent <= away {
		return ""
	}
	return fmt.Sprintf(aboutContinuing, last.Via, ago(silent), t.Envelope.In.Account)
}

// ago writes a time that is longer than away, in words for a model.
func ago(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

// Opening is what every prompt of the skill begins with: a worker that has read it answers
// the first message of a conversation sooner.
func Opening(prompt string, sees bool) string {
	about := aboutAttachments
	if sees {
		about = aboutPictures
	}
	if prompt == "" {
		return about
	}
	return prompt + "\n\n" + about
}

// system gives the message that comes first. It changes only when the operator or
// a pinned fact does, or the person goes on elsewhere, so that workers can keep the
// prompt's head cached.
func (s *Skill) system(t *skills.Turn, sees, calls bool, goingOn string) []models.Message {
	paragraphs := []string{Opening(s.options.Prompt, sees)}
	if calls {
		paragraphs = append(paragraphs, aboutTools)
	}
	if t.Envelope.In.Place == core.Group {
		paragraphs = append(paragraphs, aboutGroups)
	}
	if pinned := t.Session.Pinned(); len(pinned) > 0 {
		paragraphs = append(paragraphs, aboutPinned+"\n- "+strings.Join(pinned, "\n- "))
	}
	if goingOn != "" {
		paragraphs = append(paragraphs, goingOn)
	}
	return []models.Message{{Role: models.System, Text: strings.Join(paragraphs, "\n\n")}}
}

// indent keeps the further lines of a message from looking like somebody else's.
var indent = strings.NewReplacer("\r\n", "\n\t", "\n", "\n\t", "\r", "\n\t", "\v", "\n\t", "\f", "\n\t",
	"\u0085", "\n\t", "\u2028", "\n\t", "\u2029", "\n\t")

// appendUser adds what somebody said. Lines that follow each other become one
// message, because many chat templates insist that user and assistant alternate;
// the names therefore stand in the text.
func appendUser(messages []models.Message, line session.Line) []models.Message {
	text := line.Text
	if line.Name != "" {
		text = line.Name + ": " + indent.Replace(text)
	}
	if last := len(messages) - 1; last >= 0 && messages[last].Role == models.User {
		messages[last].Text += "\n" + text
		return messages
	}
	return append(messages, models.Message{Role: models.User, Text: text})
}

// cost guesses what lines cost in a prompt, in tokens.
func cost(lines ...session.Line) int {
	total := 0
	for _, l := range lines {
		total += messageTokens + core.EstimateTokens(l.Name) + core.EstimateTokens(l.Text)
	}
	return total
}

// callCost guesses what remembered calls cost in a prompt, in tokens.
func callCost(calls []session.Call) int {
	total := 0
	for _, c := range calls {
		total += 2*messageTokens + core.EstimateTokens(c.Tool) + core.EstimateTokens(string(c.Input)) + core.EstimateTokens(c.Result)
	}
	return total
}

// turnCost is what was stored with the turn, or a guess where nothing was.
func turnCost(t session.Turn) int {
	if t.Tokens > 0 {
		return t.Tokens
	}
	return cost(t.Said...) + callCost(t.Calls) + messageTokens + core.EstimateTokens(t.Answer)
}
