// Command notes is an example of a skill that keeps something for each person and asks back.
// Notes follow their person to all linked accounts, and go with /forget.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/sdk"
)

func main() { sdk.Main(Skill{}) }

// Name is the skill's name in the manifest. The data of its buttons begins with it.
const Name = "notes"

const (
	// quota is for the notes of each person, in bytes, with some for their names.
	quota = 64 << 10
	// maxNote is the longest note, in characters.
	maxNote = 2000
	// maxShown is how many notes are listed, and maxButtons for how many there are buttons.
	maxShown, maxButtons, inRow = 20, 8, 2
	// maxLine is how much of a note a list shows, in characters, and maxLabel a button.
	maxLine, maxLabel = 200, 20
	// patience is how long a question waits.
	patience = 15 * time.Minute
)

// What /notes does besides listing them.
const (
	search = "search"
	remove = "delete"
)

const input = `{"type": "object", "properties": {
	"what": {"type": "string", "enum": ["list", "search", "delete"], "default": "list", "description": "What to do"},
	"words": {"type": "string", "description": "Words of the notes that are meant"}}}`

// arguments are those of /notes. What stands behind /note is taken as it is.
type arguments struct{ What, Words string }

// waiting is what a question remembers until it is answered: the notes it offers to delete, or
// none when it asks for a new one.
type waiting struct {
	Delete []string `json:"delete,omitempty"`
}

// Skill keeps notes. It is safe for concurrent use.
type Skill struct{}

// Manifest says what calls the skill, and what it may reach. Only in private: in a group others
// would read along.
func (Skill) Manifest() skills.Manifest {
	return skills.Manifest{
		Name: Name, Version: "1.0.0", Description: description, Places: []core.Place{core.Private},
		Commands: []skills.Command{
			{Name: "note", Help: noteHelp, Args: "[text]"},
			{Name: "notes", Help: notesHelp, Input: json.RawMessage(input)},
		},
		Permissions: skills.Permissions{Storage: quota},
	}
}

// Handle answers one turn: a command, or the answer to a question.
func (Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if name, ok := pressed(t.Envelope); ok {
		return forget(ctx, t, w, name)
	}
	if t.Asked != nil {
		return answer(ctx, t, w)
	}
	command, _ := t.Envelope.Command()
	var a arguments
	if len(t.Input) > 0 {
		if err := json.Unmarshal(t.Input, &a); err != nil {
			return fault.New(fault.Bug, Name, err)
		}
	}
	switch {
	case command.Name == "note":
		return add(ctx, t, w, t.Args)
	case command.Name == "notes" && a.What == remove:
		return offer(ctx, t, w, a.Words)
	case command.Name == "notes":
		return show(ctx, t, w, a.What == search, a.Words)
	}
	w.Reply(core.Text{Text: usage.In(t.Envelope.From.Language)})
	return nil
}

// answer goes on where a question stopped, perhaps days and a restart later.
func answer(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	var asked waiting
	if err := json.Unmarshal(t.Asked.State, &asked); err != nil {
		return fault.New(fault.Bug, Name, err)
	}
	if asked.Delete == nil {
		return add(ctx, t, w, t.Args)
	}
	language := t.Envelope.From.Language
	n, _ := strconv.Atoi(strings.TrimSpace(t.Args)) // 0 is none of them
	if n < 1 || n > len(asked.Delete) {
		w.Reply(core.Text{Text: noNumber.In(language)})
		return nil
	}
	return forget(ctx, t, w, asked.Delete[n-1])
}

// forget deletes a note. It may be gone already, where this turn ran before.
func forget(ctx context.Context, t *skills.Turn, w skills.Writer, name string) error {
	if err := t.World.PersonStorage().Delete(ctx, name); err != nil {
		return err
	}
	w.Reply(core.Text{Text: deleted.In(t.Envelope.From.Language)})
	return nil
}

// pressed gives the note that a button names.
func pressed(e core.Envelope) (name string, ok bool) {
	for _, p := range e.Parts {
		if a, is := p.(core.Action); is {
			name, ok = strings.CutPrefix(a.Data, Name+":")
			return name, ok && name != ""
		}
	}
	return "", false
}

// add keeps a note, or asks for one.
func add(ctx context.Context, t *skills.Turn, w skills.Writer, text string) error {
	language := t.Envelope.From.Language
	text = strings.TrimSpace(strings.ToValidUTF8(text, ""))
	switch {
	case text == "" && t.Asked != nil: // a picture, say
		w.Reply(core.Text{Text: noText.In(language)})
		return nil
	case text == "":
		return ask(w, waiting{}, core.Text{Text: whatNote.In(language)})
	case utf8.RuneCountInString(text) > maxNote:
		w.Reply(core.Text{Text: fmt.Sprintf(tooLong.In(language), maxNote)})
		return nil
	}
	switch err := keep(ctx, t, text); {
	case errors.Is(err, skills.ErrFull):
		w.Reply(core.Text{Text: fmt.Sprintf(full.In(language), quota>>10)})
	case err != nil:
		return err
	default:
		w.Reply(core.Text{Text: noted.In(language)})
	}
	return nil
}

// show lists the newest notes, or those with some words in them.
func show(ctx context.Context, t *skills.Turn, w skills.Writer, searched bool, words string) error {
	language := t.Envelope.From.Language
	if searched && strings.TrimSpace(words) == "" {
		w.Reply(core.Text{Text: usage.In(language)})
		return nil
	}
	found, err := find(ctx, t.World.PersonStorage(), words)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		w.Reply(core.Text{Text: nothing(words).In(language)})
		return nil
	}
	w.Reply(core.Text{Text: lines(found, language)})
	return nil
}

// nothing says why no note is shown.
func nothing(words string) skills.Phrase {
	if strings.TrimSpace(words) == "" {
		return empty
	}
	return none
}

// offer asks which note is to be deleted.
func offer(ctx context.Context, t *skills.Turn, w skills.Writer, words string) error {
	language := t.Envelope.From.Language
	found, err := find(ctx, t.World.PersonStorage(), words)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		w.Reply(core.Text{Text: nothing(words).In(language)})
		return nil
	}
	shown := found[:min(len(found), maxShown)]
	var asked waiting
	var buttons core.Buttons
	for i, n := range shown {
		asked.Delete = append(asked.Delete, n.name)
		if i < maxButtons {
			if i%inRow == 0 {
				buttons.Rows = append(buttons.Rows, nil)
			}
			last := len(buttons.Rows) - 1
			label := short(strconv.Itoa(i+1)+". "+n.text, maxLabel)
			// It carries the note itself: a press means what it shows, however late it comes.
			buttons.Rows[last] = append(buttons.Rows[last], core.Button{Label: label, Data: Name + ":" + n.name})
		}
	}
	return ask(w, asked, core.Text{Text: lines(found, language) + "\n\n" + which.In(language)}, buttons)
}

func ask(w skills.Writer, state waiting, parts ...core.Part) error {
	kept, err := json.Marshal(state)
	if err != nil {
		return fault.New(fault.Bug, Name, err)
	}
	w.Ask(skills.Question{Parts: parts, State: kept, For: patience})
	return nil
}

// lines number the notes, the newest first, as far as they are shown.
func lines(found []note, language string) string {
	var out []string
	for i, n := range found[:min(len(found), maxShown)] {
		out = append(out, fmt.Sprintf("%d. %s", i+1, short(n.text, maxLine)))
	}
	if more := len(found) - maxShown; more > 0 {
		out = append(out, fmt.Sprintf(andMore.In(language), more))
	}
	return strings.Join(out, "\n")
}

// short is the beginning of a text, in one line.
func short(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
