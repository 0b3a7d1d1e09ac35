package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/world"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin"
	"github.com/parley-hub/parley/storage/sqlitestore"
)

// PlaySkill plays the program at a path in the terminal, one line a message, without a hub:
// there is one person in a private chat, no files and no models; storage lasts as long as the
// game. A colon and a number presses a button.
func PlaySkill(ctx context.Context, in io.Reader, out, errOut io.Writer, cfg *configs.Config, path string) error {
	return withSkill(ctx, errOut, path, plugin.Allow{}, func(s *plugin.Skill, _ string) (err error) {
		dir, err := os.MkdirTemp("", "parley-play-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		store, err := sqlitestore.Open(ctx, filepath.Join(dir, "skills.db"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		reached := world.New(world.Options{
			Models: &models.Registry{}, Store: store, Secrets: cfg.Skills.Secrets, Now: time.Now,
			Observer: core.ObserverFunc(func(core.Event) {}),
			Reach:    func(context.Context, core.PersonID) ([]session.Address, error) { return nil, nil },
			At: func(context.Context, core.PersonID, core.Conversation, core.PersonID) (bool, error) {
				return false, nil
			},
		})
		defer func() { err = errors.Join(err, reached.Close()) }()
		m := s.Manifest()
		g := &game{out: out, skill: m, log: zerolog.New(zerolog.ConsoleWriter{Out: errOut, NoColor: true}).Level(zerolog.WarnLevel)}
		with, release := reached.Outside(m)
		defer release()
		g.handler = skills.Chain(s, skills.Recover(), skills.Access(m), skills.Input(m), skills.Timeout(m, cfg.Skills.Timeout), with)
		if _, err := fmt.Fprintf(errOut, "%s %s. Write as in a private chat: %s. :1 presses the first button, Ctrl-D ends.\n", m.Name, m.Version, g.commands()); err != nil {
			return err
		}
		return g.play(ctx, in)
	})
}

// game is one conversation in the terminal.
type game struct {
	out     io.Writer
	log     zerolog.Logger
	skill   skills.Manifest
	handler skills.Handler

	n       int
	fields  map[string][]byte
	past    [][]byte
	buttons []core.Button
	asked   *skills.Asked
}

func (g *game) play(ctx context.Context, in io.Reader) error {
	lines := bufio.NewScanner(in)
	for g.prompt() && lines.Scan() {
		if err := ctx.Err(); err != nil {
			return nil //nolint:nilerr // the person had enough
		}
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		if wrong := g.wrong(line); wrong != "" {
			if _, err := fmt.Fprintln(g.out, wrong); err != nil {
				return err
			}
			continue
		}
		if err := g.turn(ctx, line); err != nil {
			return err
		}
	}
	return lines.Err()
}

// wrong says why a line does not reach the skill; empty for one that does.
func (g *game) wrong(line string) string {
	if n, err := strconv.Atoi(strings.TrimPrefix(line, ":")); err == nil && line[0] == ':' && (n < 1 || n > len(g.buttons)) {
		return fmt.Sprintf("(there is no button %d)", n)
	}
	rest, isCommand := strings.CutPrefix(line, "/")
	name, _, _ := strings.Cut(rest, " ")
	if isCommand && !slices.ContainsFunc(g.skill.Commands, func(c skills.Command) bool { return c.Name == name }) {
		return fmt.Sprintf("(/%s is no command of this skill: %s)", name, g.commands())
	}
	return ""
}

// commands shows how the skill is called.
func (g *game) commands() string {
	var all []string
	for _, c := range g.skill.Commands {
		all = append(all, strings.TrimSpace("/"+c.Name+" "+c.Usage(language())))
	}
	if len(all) == 0 {
		return "it has no commands"
	}
	return strings.Join(all, ", ")
}

func (g *game) prompt() bool {
	_, err := fmt.Fprint(g.out, "> ")
	return err == nil
}

// envelope makes a message of a line.
func (g *game) envelope(line string) (e core.Envelope, args string) {
	g.n++
	native := strconv.Itoa(g.n)
	e = core.Envelope{
		ID: core.NewEnvelopeID("terminal", core.KindMessage, native), Kind: core.KindMessage, Native: core.MessageID(native),
		In:   core.Conversation{Account: "terminal", Place: core.Private, Chat: "terminal"},
		From: core.Sender{Realm: "terminal", ID: "you", Name: "You", Language: language()}, Addressed: true, SentAt: time.Now().UTC(),
		Trace: core.NewTraceID(),
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(line, ":")); err == nil && line[0] == ':' && n > 0 && n <= len(g.buttons) {
		data := g.buttons[n-1].Data
		e.Kind, e.Parts = core.KindAction, []core.Part{core.Action{Data: data}}
		return e, strings.TrimPrefix(data, g.skill.Name+":")
	}
	if rest, ok := strings.CutPrefix(line, "/"); ok {
		name, args, _ := strings.Cut(rest, " ")
		e.Parts = []core.Part{core.Command{Name: name, Args: args}}
		return e, args
	}
	e.Parts = []core.Part{core.Text{Text: line}}
	return e, line
}

// language is the one that the terminal says it speaks.
func language() string {
	lang, _, _ := strings.Cut(os.Getenv("LANG"), ".")
	return strings.ReplaceAll(lang, "_", "-")
}

func (g *game) turn(ctx context.Context, line string) error {
	s, err := session.Load(g.fields, g.past, nil)
	if err != nil {
		return err
	}
	e, args := g.envelope(line)
	t := &skills.Turn{
		ID: e.ID, Envelope: e, Args: args, Person: e.From.Person(), Key: session.Policy{}.KeyOf(e.In, e.From, e.From.Person()),
		Role: skills.Admin, Session: s, Rule: "terminal", Now: time.Now(), Attempt: 1, Log: g.log, Files: noFiles{}, Asked: g.asked,
	}
	g.asked = nil
	var w terminal
	if err := g.handler.Handle(ctx, t, &w); err != nil {
		_, err := fmt.Fprintf(g.out, "(%s: %v; the person is told %q)\n", fault.ClassOf(err), err, fault.Public(err))
		return err
	}
	c := s.Changes()
	g.fields, g.past = c.Apply(g.fields, g.past)
	if q := w.question; q != nil {
		g.asked = &skills.Asked{Turn: e.ID, State: q.State}
	}
	if len(w.buttons) > 0 { // those of before stay under their message
		g.buttons = w.buttons
	}
	_, err = io.WriteString(g.out, w.text.String())
	return err
}

var errNoFiles = errors.New("there are no files in the terminal")

type noFiles struct{}

// Open implements skills.Files.
func (noFiles) Open(context.Context, core.Media) (io.ReadCloser, error) {
	return nil, fault.New(fault.Permanent, "open file", errNoFiles)
}

// Keep implements skills.Files.
func (noFiles) Keep(_ context.Context, m core.Media, r io.Reader) (core.Media, error) {
	n, err := io.Copy(io.Discard, r)
	m.Size, m.Blob = n, core.NewBlobRef("terminal", m.Name)
	return m, err
}

// terminal is where answers are written.
type terminal struct {
	text     strings.Builder
	buttons  []core.Button
	question *skills.Question
	drafted  bool
}

// Draft implements skills.Writer. Only finals are shown.
func (w *terminal) Draft(parts ...core.Part) { w.drafted = w.drafted || len(parts) > 0 }

// Drafted implements skills.Writer.
func (w *terminal) Drafted() bool { return w.drafted }

// Reply implements skills.Writer.
func (w *terminal) Reply(parts ...core.Part) {
	w.drafted = false
	for _, p := range parts {
		switch p := p.(type) {
		case core.Text:
			fmt.Fprintln(&w.text, p.Text)
		case core.Media:
			fmt.Fprintf(&w.text, "(%s %s, %d bytes) %s\n", p.Kind, p.Name, p.Size, p.Caption)
		case core.Buttons:
			for _, row := range p.Rows {
				for _, b := range row {
					w.buttons = append(w.buttons, b)
					fmt.Fprintf(&w.text, ":%d [%s] ", len(w.buttons), b.Label)
				}
				fmt.Fprintln(&w.text)
			}
		default:
			fmt.Fprintf(&w.text, "(%T)\n", p)
		}
	}
}

// ReplyIn implements skills.Writer.
func (w *terminal) ReplyIn(_ core.Conversation, _ core.PersonID, parts ...core.Part) {
	fmt.Fprint(&w.text, "(elsewhere) ")
	w.Reply(parts...)
}

// Ask implements skills.Writer.
func (w *terminal) Ask(q skills.Question) {
	w.Reply(q.Parts...)
	w.question = &q
}
