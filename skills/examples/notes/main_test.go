package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
	"github.com/parley-hub/parley/skills/plugin/plugintest"
	"github.com/parley-hub/parley/skills/skilltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func harness(s skills.Skill) skilltest.Harness {
	return skilltest.Harness{New: func(*testing.T) skills.Skill { return s }}
}

func TestInside(t *testing.T) { skilltest.Run(t, harness(Skill{})) }

func TestAsProgram(t *testing.T) {
	s := plugintest.Start(t, plugintest.Build(t, "."))
	skilltest.Run(t, harness(s))
	conversation(t, s)
}

func TestWords(t *testing.T) { conversation(t, Skill{}) }

// person talks to the skill, one turn after the other.
type person struct {
	*testing.T
	skill   skills.Skill
	world   *skilltest.World
	n       int
	asked   *skills.Asked
	buttons []core.Button
}

func newPerson(t *testing.T, s skills.Skill) *person {
	return &person{T: t, skill: s, world: skilltest.NewWorld(Skill{}.Manifest())}
}

// run runs a turn as the hub would, a minute after the one before.
func (p *person) run(o skilltest.TurnOptions) string {
	p.Helper()
	p.n++
	o.ID, o.Now, o.World = fmt.Sprint(p.n), skilltest.Now.Add(time.Duration(p.n)*time.Minute), p.world
	if o.Command == "" {
		o.Asked, p.asked = p.asked, nil
	}
	turn := skilltest.NewTurn(o)
	var w *skilltest.RecordingWriter
	for range 2 { // each turn runs twice, as after a crash
		w = &skilltest.RecordingWriter{}
		turn.Now = turn.Now.Add(time.Second)
		if err := skills.Input(p.skill.Manifest())(p.skill).Handle(p.Context(), turn, w); err != nil {
			p.Error(err)
		}
	}
	for _, q := range w.Questions() {
		p.asked = &skills.Asked{Turn: turn.ID, State: q.State}
		p.buttons = nil
		for _, part := range q.Parts {
			if b, ok := part.(core.Buttons); ok {
				for _, row := range b.Rows {
					p.buttons = append(p.buttons, row...)
				}
			}
		}
	}
	return w.Text()
}

func (p *person) command(text, want string) {
	p.Helper()
	name, args, _ := strings.Cut(strings.TrimPrefix(text, "/"), " ")
	if got := p.run(skilltest.TurnOptions{Command: name, Args: args}); got != want {
		p.Errorf("%s: %q, want %q", text, got, want)
	}
}

func (p *person) say(text, want string) {
	p.Helper()
	if got := p.run(skilltest.TurnOptions{Text: text}); got != want {
		p.Errorf("%s: %q, want %q", text, got, want)
	}
}

func (p *person) press(b core.Button, want string) {
	p.Helper()
	if got := p.run(skilltest.TurnOptions{Parts: []core.Part{core.Action{Data: b.Data}}}); got != want {
		p.Errorf("%s: %q, want %q", b.Label, got, want)
	}
}

func conversation(t *testing.T, s skills.Skill) {
	p := newPerson(t, s)
	const which = "\n\nWhich one shall I delete? Its number is enough."
	p.command("/notes", "You have no notes. /note milk and bread keeps one.")
	p.command("/notes delete", "You have no notes. /note milk and bread keeps one.")
	p.command("/note milk and bread", "Noted.")
	p.command("/note", "What shall I note?")
	p.say("call Ada\ntomorrow", "Noted.")
	p.command("/note the boat", "Noted.")
	p.command("/notes", "1. the boat\n2. call Ada tomorrow\n3. milk and bread")
	p.command("/notes search bread MILK", "1. milk and bread")
	p.command("/notes search beer", "There is no note with these words.")
	p.command("/notes delete", "1. the boat\n2. call Ada tomorrow\n3. milk and bread"+which)
	late := p.buttons
	p.say("seven", "That is none of the numbers. I deleted nothing.")
	p.command("/notes delete", "1. the boat\n2. call Ada tomorrow\n3. milk and bread"+which)
	p.say("2", "Deleted.")
	p.command("/notes", "1. the boat\n2. milk and bread")
	// An old button means the note that it shows, though the numbers changed.
	p.press(late[2], "Deleted.")
	p.command("/notes", "1. the boat")
	p.command("/notes delete boat", "1. the boat"+which)
	p.press(p.buttons[0], "Deleted.")
	p.command("/notes", "You have no notes. /note milk and bread keeps one.")
	p.command("/note", "What shall I note?")
	if got := p.run(skilltest.TurnOptions{Parts: []core.Part{core.Media{Kind: core.Image}}}); got != "I can only note words." {
		t.Errorf("%q", got)
	}
	p.command("/note "+strings.Repeat("x", maxNote+1), "A note has at most 2000 characters.")
	p.command("/notes search", usage["en"])
	p.say("hello", usage["en"])
}

// What does not fit is told, and what is there stays.
func TestQuota(t *testing.T) {
	p := newPerson(t, Skill{})
	long := strings.Repeat("x ", maxNote/2)
	n := 0
	for p.run(skilltest.TurnOptions{Command: "note", Args: long}) == "Noted." {
		n++
	}
	p.command("/note "+long, "Your notes are full: I keep 64 kilobytes for you. Delete some with /notes delete.")
	if n < 30 {
		t.Errorf("%d notes fitted", n)
	}
	if list := p.run(skilltest.TurnOptions{Command: "notes"}); !strings.HasSuffix(list, fmt.Sprintf("… and %d older ones; /notes search finds them.", n-maxShown)) {
		t.Errorf("%d notes: %q", n, list[len(list)-80:])
	}
	p.command("/notes delete", p.run(skilltest.TurnOptions{Command: "notes"})+"\n\nWhich one shall I delete? Its number is enough.")
	p.say("20", "Deleted.")
	p.command("/note "+long, "Noted.")
}
