// Package tour is the skill of the playground: it shows what each platform makes of a
// rich answer, of one that is too long for one message, of choices and of files. It
// needs no model.
package tour

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "tour"

// What stands behind the command, and in the data of the buttons.
const (
	showLong    = "long"
	showChoices = "choices"
	showPicture = "picture"
	pick        = "pick "
)

// Skill is the tour. It is safe for concurrent use.
type Skill struct{ pace time.Duration }

// New makes the skill. pace is the time between two words of an answer, for showing how
// it grows; 0 gives all at once.
func New(pace time.Duration) *Skill { return &Skill{pace} }

// Manifest introduces the skill.
func (*Skill) Manifest() skills.Manifest {
	return skills.Manifest{Name: Name, Commands: []skills.Command{{Name: "tour", Help: about, Args: "[long|choices|picture]"}}}
}

// Handle shows what the words behind the command or the button ask for. A file that
// comes with the command goes back to who sent it.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	language := t.Envelope.From.Language
	args := strings.TrimSpace(t.Args)
	for _, p := range t.Envelope.Parts {
		if m, ok := p.(core.Media); ok {
			return s.back(ctx, t, m, w)
		}
	}
	choice, picked := strings.CutPrefix(args, pick)
	switch {
	case args == showLong:
		return s.grow(ctx, w, strings.Repeat(chapter.In(language)+"\n\n", chapters)+end.In(language))
	case args == showChoices:
		w.Reply(markdown(question.In(language)), choices(language))
		return nil
	case args == showPicture:
		return picture(ctx, t, w)
	case picked:
		w.Reply(markdown("**" + plain(choice) + "** " + chosen.In(language)))
		return nil
	default:
		return s.grow(ctx, w, showcase.In(language), core.Buttons{Rows: [][]core.Button{
			{{Label: longLabel.In(language), Data: Name + ":" + showLong}, {Label: choicesLabel.In(language), Data: Name + ":" + showChoices}},
			{{Label: pictureLabel.In(language), Data: Name + ":" + showPicture}},
		}})
	}
}

// chapters is how often the chapter comes in the long answer: it fits into no
// platform's one message.
const chapters = 9

func markdown(text string) core.Text { return core.Text{Text: text, Format: core.Markdown} }

// plain keeps a choice to letters: it comes back from the platform.
func plain(choice string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("*_`~[]<>\\\n\r", r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(choice, ""))
}

func choices(language string) core.Buttons {
	var b core.Buttons
	for _, tea := range strings.Split(teas.In(language), ",") {
		b.Rows = append(b.Rows, []core.Button{{Label: tea, Data: Name + ":" + pick + tea}})
	}
	return b
}

// grow shows the answer word by word and replies with all of it.
func (s *Skill) grow(ctx context.Context, w skills.Writer, text string, behind ...core.Part) error {
	if s.pace > 0 {
		tick := time.NewTicker(s.pace)
		defer tick.Stop()
		shown := 0
		for word := range strings.SplitAfterSeq(text, " ") {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fault.New(fault.Retryable, "tour", ctx.Err())
			}
			shown += len(word)
			w.Draft(markdown(text[:shown]))
		}
	}
	w.Reply(append([]core.Part{markdown(text)}, behind...)...)
	return nil
}

// back sends a file back to who sent it.
func (s *Skill) back(ctx context.Context, t *skills.Turn, m core.Media, w skills.Writer) error {
	language := t.Envelope.From.Language
	r, err := t.Files.Open(ctx, m)
	if fault.ClassOf(err) == fault.Permanent {
		w.Reply(markdown(gone.In(language)))
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was only read
	m.Caption = ""
	kept, err := t.Files.Keep(ctx, m, r)
	if err != nil {
		return err
	}
	w.Reply(markdown(yours.In(language)), kept)
	return nil
}

// picture sends a picture of the skill's own.
func picture(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	m := core.Media{Kind: core.Image, Name: "hills.png", MIME: "image/png", Caption: pictureWords.In(t.Envelope.From.Language)}
	kept, err := t.Files.Keep(ctx, m, bytes.NewReader(hills()))
	if err != nil {
		return err
	}
	w.Reply(kept)
	return nil
}
