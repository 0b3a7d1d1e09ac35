package main

import (
	"fmt"
	"strings"
	"sync"
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
	program := plugintest.Build(t, ".")
	skilltest.Run(t, harness(plugintest.Start(t, program)))
	// Three processes, as three nodes have them, and one storage.
	crowd(t, plugintest.Start(t, program), plugintest.Start(t, program), plugintest.Start(t, program))
}

func TestCrowd(t *testing.T) { crowd(t, Skill{}) }

// group is people around one storage.
type group struct {
	*testing.T
	world *skilltest.World
}

func newGroup(t *testing.T) group {
	return group{t, skilltest.NewWorld(Skill{}.Manifest())}
}

// turn has somebody say a command, or press a button, and gives the answer.
func (g group) turn(s skills.Skill, o skilltest.TurnOptions) (string, [][]core.Part) {
	g.Helper()
	o.World, o.Place = g.world, core.Group
	var w skilltest.RecordingWriter
	if err := s.Handle(g.Context(), skilltest.NewTurn(o), &w); err != nil {
		g.Error(err)
	}
	return w.Text(), w.Replies()
}

func (g group) ask(s skills.Skill, o skilltest.TurnOptions) (text string, buttons []core.Button) {
	g.Helper()
	o.Command = "poll"
	text, replies := g.turn(s, o)
	for _, p := range replies[0] {
		if b, ok := p.(core.Buttons); ok {
			for _, row := range b.Rows {
				buttons = append(buttons, row...)
			}
		}
	}
	return text, buttons
}

func (g group) press(s skills.Skill, who string, b core.Button) string {
	g.Helper()
	text, _ := g.turn(s, skilltest.TurnOptions{Name: who, Parts: []core.Part{core.Action{Data: b.Data}}})
	return text
}

// crowd has thirty people vote at once, change their minds at once, and none of it is lost.
func crowd(t *testing.T, nodes ...skills.Skill) {
	g := newGroup(t)
	question, buttons := g.ask(nodes[0], skilltest.TurnOptions{Name: "Ada", Args: "What shall we eat?; Pizza;Pasta ; Salad;Pizza;"})
	if question != "What shall we eat?" || len(buttons) != 4 {
		t.Fatalf("%q %v", question, buttons)
	}
	const people = 30
	var voting sync.WaitGroup
	for n := range people {
		voting.Go(func() {
			who, node := fmt.Sprint("P", n), nodes[n%len(nodes)]
			g.press(node, who, buttons[n%3])
			g.press(nodes[(n+1)%len(nodes)], who, buttons[n%2])
		})
	}
	voting.Wait()
	result := "What shall we eat?\n" + strings.Repeat("■", 15) + " Pizza: 15\n" + strings.Repeat("■", 15) + " Pasta: 15\nSalad: 0"
	if got := g.press(nodes[0], "Ben", buttons[3]); got != "Only who began the vote can end it." {
		t.Errorf("%q", got)
	}
	if got := g.press(nodes[0], "P0", buttons[0]); got != "P0: Counted.\n\n"+result {
		t.Errorf("%q", got)
	}
	for range 2 { // a rerun, or a second press
		if got := g.press(nodes[len(nodes)-1], "Ada", buttons[3]); got != "The vote is over.\n\n"+result {
			t.Errorf("%q", got)
		}
	}
	if got := g.press(nodes[0], "P9", buttons[0]); got != "The vote is over.\n\n"+result {
		t.Errorf("%q", got)
	}
}

func TestWrongPolls(t *testing.T) {
	g := newGroup(t)
	for _, args := range []string{
		"", "question", "question;", "q; one", "q; one; one", "; a; b", "q; a; " + strings.Repeat("x", maxOption+1),
		"q; 1;2;3;4;5;6;7;8;9", strings.Repeat("q", maxQuestion+1) + "; a; b",
	} {
		if got, _ := g.ask(Skill{}, skilltest.TurnOptions{Args: args}); !strings.HasPrefix(got, "Write the question and 2 to 8 options") {
			t.Errorf("%.40q: %q", args, got)
		}
	}
	_, buttons := g.ask(Skill{}, skilltest.TurnOptions{Args: "q; a; b"})
	before := g.press(Skill{}, "Ann", buttons[1])
	for data, want := range map[string]string{
		"poll:":               "This vote is no longer there.",
		"poll:nosuch:0":       "This vote is no longer there.",
		"poll:nosuch:end":     "This vote is no longer there.",
		buttons[0].Data + "7": before,
		strings.TrimSuffix(buttons[0].Data, "0") + "-1": before,
	} {
		if got := g.press(Skill{}, "Ann", core.Button{Data: data}); got != want {
			t.Errorf("%s: %q, want %q", data, got, want)
		}
	}
}

// Polls go after some time, and make room; where there is none it is told.
func TestOldPolls(t *testing.T) {
	g := newGroup(t)
	g.world.Manifest.Permissions.Storage = 1000
	said := func(id string, at time.Time) string {
		text, _ := g.ask(Skill{}, skilltest.TurnOptions{ID: id, Args: "q" + strings.Repeat("?", 200) + "; a; b", Now: at})
		return text
	}
	n := 0
	for said(fmt.Sprint(n), skilltest.Now)[0] == 'q' {
		n++
	}
	if n < 2 {
		t.Fatalf("%d polls fit", n)
	}
	if got := said("later", skilltest.Now.Add(maxAge-24*time.Hour)); !strings.HasPrefix(got, "There are too many votes") {
		t.Errorf("%q", got)
	}
	if got := said("much later", skilltest.Now.Add(maxAge+24*time.Hour)); got[0] != 'q' {
		t.Errorf("%q", got)
	}
}
