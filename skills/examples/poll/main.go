// Command poll is an example of a skill that many people use together: one asks, everybody has
// one vote and may change it, and who began it ends it.
//
//	/poll What shall we eat?; Pizza; Pasta; Salad
package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/sdk"
)

func main() { sdk.Main(Skill{}) }

// Name is the skill's name in the manifest. The data of its buttons begins with it.
const Name = "poll"

// The bounds of a poll: what fits under one message on every platform.
const (
	minOptions, maxOptions = 2, 8
	maxOption              = 60
	maxQuestion            = 300
	inRow                  = 2
)

// end is what the last button says in the place of an option's number.
const end = "end"

// Skill has people vote. All that it knows is in the hub's storage, so it is safe for
// concurrent use, in this process and in others.
type Skill struct{}

// Manifest says what calls the skill, and what it may reach.
func (Skill) Manifest() skills.Manifest {
	return skills.Manifest{
		Name: Name, Version: "1.0.0", Description: description,
		Commands:    []skills.Command{{Name: "poll", Args: "question; option; option …", Help: help}},
		Permissions: skills.Permissions{Storage: 1 << 20},
	}
}

// Handle answers one turn: a press of a button, or the command.
func (Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if data, ok := pressed(t.Envelope); ok {
		id, what, _ := strings.Cut(data, ":")
		if what == end {
			return finish(ctx, t, w, id)
		}
		return vote(ctx, t, w, id, what)
	}
	if _, ok := t.Envelope.Command(); ok {
		if question, options, ok := read(t.Args); ok {
			return begin(ctx, t, w, question, options)
		}
	}
	w.Reply(core.Text{Text: fmt.Sprintf(usage.In(t.Envelope.From.Language), minOptions, maxOptions, maxOption)})
	return nil
}

// pressed gives what stands behind the skill's name in the data of a button.
func pressed(e core.Envelope) (data string, ok bool) {
	for _, p := range e.Parts {
		if a, is := p.(core.Action); is {
			return strings.CutPrefix(a.Data, Name+":")
		}
	}
	return "", false
}

// read takes the words behind the command apart.
func read(args string) (question string, options []string, ok bool) {
	question, rest, _ := strings.Cut(strings.ToValidUTF8(args, ""), ";")
	for option := range strings.SplitSeq(rest, ";") {
		option = strings.Join(strings.Fields(option), " ") // a label is one line
		if option == "" || slices.Contains(options, option) {
			continue
		}
		if utf8.RuneCountInString(option) > maxOption {
			return "", nil, false
		}
		options = append(options, option)
	}
	question = strings.TrimSpace(question)
	fits := question != "" && utf8.RuneCountInString(question) <= maxQuestion && len(options) >= minOptions && len(options) <= maxOptions
	return question, options, fits
}

// begin keeps a new poll and shows its buttons.
func begin(ctx context.Context, t *skills.Turn, w skills.Writer, question string, options []string) error {
	language := t.Envelope.From.Language
	id := newID(t)
	p := poll{Question: question, Options: options, Author: mark(id, t.Person), Votes: map[string]int{}}
	if kept, err := p.keep(ctx, t, id); err != nil {
		return err
	} else if !kept {
		w.Reply(core.Text{Text: full.In(language)})
		return nil
	}
	var rows [][]core.Button
	for i, option := range options {
		if i%inRow == 0 {
			rows = append(rows, nil)
		}
		last := len(rows) - 1
		rows[last] = append(rows[last], core.Button{Label: option, Data: Name + ":" + id + ":" + strconv.Itoa(i)})
	}
	rows = append(rows, []core.Button{{Label: endLabel.In(language), Data: Name + ":" + id + ":" + end}})
	w.Reply(core.Text{Text: question}, core.Buttons{Rows: rows})
	return nil
}

// vote counts a person's vote, in the place of the one they had.
func vote(ctx context.Context, t *skills.Turn, w skills.Writer, id, number string) error {
	language := t.Envelope.From.Language
	option, err := strconv.Atoi(number)
	if err != nil {
		option = -1
	}
	p, err := change(ctx, t.World.Storage(), id, func(p *poll) bool {
		if p.Ended || option < 0 || option >= len(p.Options) {
			return false
		}
		p.Votes[mark(id, t.Person)] = option
		return true
	})
	switch {
	case err != nil:
		return err
	case p == nil:
		w.Reply(core.Text{Text: gone.In(language)})
	case p.Ended:
		w.Reply(core.Text{Text: ended.In(language) + "\n\n" + p.result()})
	default:
		w.Reply(core.Text{Text: thanks(t) + "\n\n" + p.result()})
	}
	return nil
}

// thanks says whose vote was counted, and not what it was.
func thanks(t *skills.Turn) string {
	words := counted.In(t.Envelope.From.Language)
	if name := t.Envelope.From.Name; name != "" {
		return name + ": " + words
	}
	return words
}

// finish ends a poll for its author, and for nobody else.
func finish(ctx context.Context, t *skills.Turn, w skills.Writer, id string) error {
	language := t.Envelope.From.Language
	author := false
	p, err := change(ctx, t.World.Storage(), id, func(p *poll) bool {
		author = p.Author == mark(id, t.Person)
		p.Ended = p.Ended || author
		return author
	})
	switch {
	case err != nil:
		return err
	case p == nil:
		w.Reply(core.Text{Text: gone.In(language)})
	case !author:
		w.Reply(core.Text{Text: notYours.In(language)})
	default:
		w.Reply(core.Text{Text: ended.In(language) + "\n\n" + p.result()})
	}
	return nil
}
