package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// confirmTime is how long a person is waited for who must confirm a call.
const confirmTime = 24 * time.Hour

// waiting is the state of the question whether calls may be made.
type waiting struct {
	// Turns are those of this answer so far; the steps are under the first one.
	Turns []core.EnvelopeID `json:"turns"`
	// Step and Calls are the ones that wait, Tools their names.
	Step  int      `json:"step"`
	Calls []int    `json:"calls"`
	Tools []string `json:"tools"`
	// Key stands in the question's buttons: those of an older one do not answer it.
	Key   string    `json:"key"`
	Until time.Time `json:"until"`
}

// decision is what a person said to a question.
type decision struct {
	waiting
	yes bool
}

// about tells whether a call is one that was asked about.
func (d *decision) about(n, i int) bool {
	return d != nil && n == d.Step && slices.Contains(d.Calls, i)
}

// before tells whether a call's result was there when the question was asked.
func (d *decision) before(n, i int) bool {
	return d != nil && (n < d.Step || n == d.Step && !slices.Contains(d.Calls, i))
}

// The words that are yes and no.
var (
	yesWords = []string{"yes", "y", "ja", "j", "ok"}
	noWords  = []string{"no", "n", "nein"}
)

// reply is how a message stands to the question that it answers.
type reply uint8

const (
	replyNone  reply = iota // to no question
	replyYes                // it may be done
	replyNo                 // it may not
	replyOther              // something else: a new message, and no yes
	replyAside              // said to others, or of an older question's buttons: it waits on
)

// answered tells how the turn's message answers a question of this skill.
func answered(t *skills.Turn) (waiting, reply) {
	data, pressed := press(t.Envelope)
	var q waiting
	if t.Asked == nil || json.Unmarshal(t.Asked.State, &q) != nil || len(q.Turns) == 0 {
		if pressed {
			return q, replyAside
		}
		return q, replyNone
	}
	switch word := strings.ToLower(strings.Trim(strings.TrimSpace(t.Args), ".!")); {
	case data == yesData+q.Key:
		return q, replyYes
	case data == noData+q.Key:
		return q, replyNo
	case pressed, t.Envelope.In.Place != core.Private && !t.Envelope.Addressed:
		return q, replyAside
	case slices.Contains(yesWords, word):
		return q, replyYes
	case slices.Contains(noWords, word):
		return q, replyNo
	}
	return q, replyOther
}

// What buttons carry, with a question's key behind it.
const (
	yesData = Name + ":yes:"
	noData  = Name + ":no:"
)

// press gives what a button of this skill carries; ok is false where none was pressed.
func press(e core.Envelope) (data string, ok bool) {
	if e.Kind != core.KindAction {
		return "", false
	}
	for _, p := range e.Parts {
		if a, is := p.(core.Action); is && strings.HasPrefix(a.Data, Name+":") {
			return a.Data, true
		}
	}
	return "", false
}

// waitOn leaves a question open that a message did not answer. Who pressed a button of
// another one, or one that is somebody else's, is told.
func waitOn(t *skills.Turn, w skills.Writer, q waiting) {
	if t.Asked != nil {
		t.Session.Ask(t.Envelope.In, t.Envelope.From, session.Asked{Skill: Name, Turn: t.Asked.Turn, State: t.Asked.State, Until: q.Until})
	}
	if _, pressed := press(t.Envelope); pressed {
		w.Reply(core.Text{Text: questionOver.In(t.Envelope.From.Language)})
	}
}

// asked finds what was said in the turn that began an answer; ok is false where it is
// forgotten.
func asked(t *skills.Turn, turn core.EnvelopeID) (lines []session.Line, ok bool, err error) {
	history, err := t.Session.History()
	if err != nil {
		return nil, false, unreadable(err)
	}
	i := slices.IndexFunc(history, func(past session.Turn) bool { return past.ID == turn })
	if i < 0 {
		return nil, false, nil
	}
	return history[i].Said, true, nil
}

// confirm asks the person whether calls may be made, and remembers the turn so far.
func (l *loop) confirm(lines []session.Line, a answer) error {
	t := l.t
	language := t.Envelope.From.Language
	q := waiting{Step: a.step, Calls: a.waiting, Until: t.Now.Add(confirmTime)}
	if l.decided != nil {
		q.Turns = l.decided.Turns
	}
	q.Turns = append(slices.Clone(q.Turns), t.ID)
	q.Key = string(core.NewEnvelopeID("", "", string(t.ID), fmt.Sprint(a.step)))[:10]
	st, _ := l.steps.step(a.step)
	words := []string{mayI.In(language)}
	for _, i := range a.waiting {
		c := st.Calls[i]
		q.Tools = append(q.Tools, c.Name)
		at := slices.IndexFunc(l.tools, func(x skills.Callable) bool { return x.Name == c.Name })
		words = append(words, "", c.Name+" – "+l.tools[at].Help.In(language))
		words = append(words, plain(c.Arguments, language)...)
	}
	state, err := json.Marshal(q)
	if err != nil {
		return fault.New(fault.Bug, "ask to confirm", err)
	}
	question := strings.Join(words, "\n")
	fresh := l.fresh()
	said := question
	if a.text != "" {
		said = a.text + "\n\n" + question
		l.w.Reply(core.Text{Text: a.text, Format: core.Markdown})
	}
	if err := l.hand(fresh); err != nil {
		return err
	}
	if err := l.s.remember(t, lines, said, brief(fresh), a.by); err != nil {
		return err
	}
	l.w.Ask(skills.Question{Parts: []core.Part{
		core.Text{Text: question},
		core.Buttons{Rows: [][]core.Button{{
			{Label: buttonYes.In(language), Data: yesData + q.Key}, {Label: buttonNo.In(language), Data: noData + q.Key},
		}}},
	}, State: state, For: confirmTime})
	return nil
}

// maxPlain bounds how much of one argument is shown, in characters.
const maxPlain = 500

// plain writes arguments for a person, one a line, in their order.
func plain(arguments json.RawMessage, language string) []string {
	dec := json.NewDecoder(bytes.NewReader(arguments))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var lines []string
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return lines
		}
		text := string(value)
		var word string
		if json.Unmarshal(value, &word) == nil {
			text = word
		}
		shown := oneLine(text, maxPlain)
		if n := utf8.RuneCountInString(text); n > maxPlain {
			shown += " " + fmt.Sprintf(cutShort.In(language), n)
		}
		lines = append(lines, fmt.Sprintf("- %s: %s", oneLine(fmt.Sprint(name), maxName), shown))
	}
	return lines
}

// decidedLine is what is remembered of a decision.
func decidedLine(t *skills.Turn, d *decision) session.Line {
	text := "[confirmed the call of " + strings.Join(d.Tools, ", ") + "]"
	if !d.yes {
		text = "[did not want the call of " + strings.Join(d.Tools, ", ") + "]"
	}
	return session.Line{Name: speaker(t.Envelope), Text: text}
}

// pastCalls puts what was called in an earlier turn in front of its answer, as the protocol
// has it.
func pastCalls(messages []models.Message, past session.Turn) []models.Message {
	if len(past.Calls) == 0 {
		return messages
	}
	asked := models.Message{Role: models.Assistant}
	var results []models.Message
	for i, c := range past.Calls {
		// Nine letters and digits: Mistral's templates insist on it.
		id := string(core.NewEnvelopeID("", "", string(past.ID), fmt.Sprint(i)))[:9]
		asked.Calls = append(asked.Calls, models.ToolCall{ID: id, Name: c.Tool, Arguments: c.Input})
		results = append(results, models.Message{Role: models.ToolResult, CallID: id, Text: c.Result})
	}
	return append(append(messages, asked), results...)
}
