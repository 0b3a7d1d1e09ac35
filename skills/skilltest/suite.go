package skilltest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// patience is how long a handler may take before the suite calls it stuck. It is
// no measurement: a healthy one takes milliseconds.
const patience = 30 * time.Second

var errStuck = errors.New("the handler is stuck")

// Harness tells the suite how to get the skill.
type Harness struct {
	// New makes a skill that works. It must answer the same question twice with the
	// same kind of answer.
	New func(t *testing.T) skills.Skill
	// NewFailing makes one whose Handle fails; nil for a skill that cannot fail.
	NewFailing func(t *testing.T) skills.Skill
	// NewSlow makes one whose Handle is busy until its context ends, and closes
	// working once it is; nil for a skill that never waits.
	NewSlow func(t *testing.T) (s skills.Skill, working <-chan struct{})
	// World gives each turn its world; nil for one with nothing in it but what the
	// manifest allows to be kept.
	World func(t *testing.T) skills.World
}

// Run checks that a skill keeps the contract.
func Run(t *testing.T, h Harness) {
	t.Run("manifest", func(t *testing.T) { manifest(t, h) })
	t.Run("strange words", func(t *testing.T) { strangeWords(t, h) })
	t.Run("every part", func(t *testing.T) { everyPart(t, h) })
	t.Run("arguments", func(t *testing.T) { arguments(t, h) })
	t.Run("called by a model", func(t *testing.T) { called(t, h) })
	t.Run("called strangely", func(t *testing.T) { calledStrangely(t, h) })
	t.Run("same turn twice", func(t *testing.T) { sameTurnTwice(t, h) })
	t.Run("concurrent turns", func(t *testing.T) { concurrentTurns(t, h) })
	t.Run("cancelled before", func(t *testing.T) { cancelledBefore(t, h) })
	if h.NewFailing != nil {
		t.Run("failure", func(t *testing.T) { failure(t, h) })
	}
	if h.NewSlow != nil {
		t.Run("cancelled while working", func(t *testing.T) { cancelledWhileWorking(t, h) })
	}
}

func manifest(t *testing.T, h Harness) {
	s := h.New(t)
	if _, err := skills.NewSet(s); err != nil {
		t.Errorf("the manifest is not valid: %v", err)
	}
	first, second := fmt.Sprintf("%#v", s.Manifest()), fmt.Sprintf("%#v", h.New(t).Manifest())
	if first != second {
		t.Errorf("the manifest changes: %s, then %s", first, second)
	}
}

func strangeWords(t *testing.T, h Harness) {
	s := h.New(t)
	for name, words := range map[string]string{
		"empty":     "",
		"blank":     " \t\n\u00a0",
		"emoji":     "👩‍👩‍👧‍👦 🏳️‍🌈 é",
		"rtl":       "שלום \u202eevil\u202c مرحبا",
		"control":   "a\x00b\x1b[31mc\r\nd",
		"invalid":   "a\xff\xfeb\xed\xa0\x80",
		"markup":    "*a _b `c <b>&amp; [x](y) ```",
		"huge":      strings.Repeat("word ", 200_000),
		"huge word": strings.Repeat("ä", 300_000),
		"format":    "%s %d %!v(MISSING) %[3]*.[2]*[1]f",
	} {
		t.Run(name, func(t *testing.T) {
			works(t, h, s, TurnOptions{Text: words, Parts: []core.Part{}})
			works(t, h, s, TurnOptions{Command: command(s), Args: words, Name: words})
		})
	}
}

// everyPart sends each kind of part, with all and with none of its fields.
func everyPart(t *testing.T, h Harness) {
	s := h.New(t)
	parts := []core.Part{
		core.Text{}, core.Text{Text: "hi", Format: core.Markdown},
		core.Mention{}, core.Mention{User: "u", Name: "Bob"}, core.Mention{Self: true},
		core.Media{}, core.Media{Kind: "hologram", File: "f", Size: -1, Seconds: -1},
		core.Location{}, core.Location{Latitude: 52.52, Longitude: 13.405, Title: "Berlin", Address: "Mitte"},
		core.Contact{}, core.Contact{Name: "Bob", Phone: "+1", User: "u"},
		core.Command{}, core.Command{Name: "unknown", Args: "args"},
		core.Action{}, core.Action{Data: "d", Callback: "c"},
		core.Buttons{}, core.Buttons{Rows: [][]core.Button{{{Label: "l", Data: "d"}}}},
		core.Change{}, core.Change{Joined: []core.Sender{{ID: "u"}}, Self: true},
		core.Moved{}, core.Adoption{},
		core.Unsupported{}, core.Unsupported{What: "poll"},
	}
	for _, kind := range []core.MediaKind{core.Image, core.Voice, core.Audio, core.Video, core.Document, core.Sticker} {
		parts = append(parts, core.Media{Kind: kind, File: "f", Caption: "c", Name: "n", MIME: "m/m", Size: 120_000, Seconds: 12, Emoji: "🙂"})
	}
	for _, p := range parts {
		t.Run(fmt.Sprintf("%T", p), func(t *testing.T) {
			works(t, h, s, TurnOptions{Parts: []core.Part{p}})
			works(t, h, s, TurnOptions{Text: "words", Parts: []core.Part{p, p}, ReplyTo: &core.Quote{}})
		})
	}
	t.Run("all at once", func(t *testing.T) {
		works(t, h, s, TurnOptions{Parts: parts, ReplyTo: &core.Quote{Message: "m", Text: "quoted", Name: "Bob"}})
	})
}

func sameTurnTwice(t *testing.T, h Harness) {
	s := h.New(t)
	world := newWorld(t, h, s) // what the first run kept is there in the second
	run := func(attempt int) string {
		before := session.Turn{ID: "before", At: Now, Said: []session.Line{{Text: "hi"}}, Answer: "hello", Tokens: 4}
		return works(t, h, s, TurnOptions{Command: command(s), Attempt: attempt, Session: NewSession(before), World: world})
	}
	first, second := run(1), run(2)
	if first != second {
		t.Errorf("the first run gave %s, the second %s", first, second)
	}
}

func concurrentTurns(t *testing.T, h Harness) {
	s := h.New(t)
	var turns sync.WaitGroup
	for i := range 16 {
		turns.Go(func() {
			works(t, h, s, TurnOptions{ID: strconv.Itoa(i), Name: "person " + strconv.Itoa(i)})
		})
	}
	turns.Wait()
}

func cancelledBefore(t *testing.T, h Harness) {
	s := h.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var w RecordingWriter
	err := handle(ctx, t, s, NewTurn(allowed(t, h, s, TurnOptions{})), &w)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled turn ended with %v, which does not say so", err)
	}
	checkFailed(t, err, &w)
}

func cancelledWhileWorking(t *testing.T, h Harness) {
	s, working := h.NewSlow(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stopper sync.WaitGroup
	stopper.Go(func() {
		select {
		case <-working:
		case <-time.After(patience):
			t.Error("the skill never began to work")
		}
		cancel()
	})
	var w RecordingWriter
	err := handle(ctx, t, s, NewTurn(allowed(t, h, s, TurnOptions{})), &w)
	stopper.Wait()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a turn cancelled in the middle ended with %v", err)
	}
	checkFailed(t, err, &w)
}

func failure(t *testing.T, h Harness) {
	s := h.NewFailing(t)
	turn := NewTurn(allowed(t, h, s, TurnOptions{}))
	var w RecordingWriter
	err := handle(t.Context(), t, s, turn, &w)
	if err == nil {
		t.Error("Handle did not fail")
	}
	checkFailed(t, err, &w)
}

// checkFailed says that a turn which failed has replied nothing.
func checkFailed(t *testing.T, err error, w *RecordingWriter) {
	t.Helper()
	if err != nil && len(w.Replies()) > 0 {
		t.Errorf("Handle failed with %v and replied %q", err, w.Text())
	}
}

// works runs a turn that must succeed, and gives what kind of result it had.
func works(t *testing.T, h Harness, s skills.Skill, o TurnOptions) string {
	t.Helper()
	turn := NewTurn(allowed(t, h, s, o))
	var w RecordingWriter
	if err := handle(t.Context(), t, s, turn, &w); err != nil {
		t.Errorf("Handle: %v", err)
		return ""
	}
	var kinds []string
	for i, parts := range w.Replies() {
		if len(parts) == 0 {
			t.Errorf("reply %d has no parts", i)
		}
		for _, p := range parts {
			kinds = append(kinds, fmt.Sprintf("%T", p))
			if text, ok := p.(core.Text); ok && strings.TrimSpace(text.Text) == "" {
				t.Errorf("reply %d has an empty text", i)
			}
		}
		if _, err := core.EncodeReply(core.Reply{ID: core.ReplyTo(turn.ID, i), Parts: parts}); err != nil {
			t.Errorf("reply %d cannot be stored: %v", i, err)
		}
		kinds = append(kinds, ";")
	}
	checkReached(t, turn)
	for _, q := range w.Questions() {
		if err := q.Check(); err != nil {
			t.Errorf("a question cannot be asked: %v", err)
		}
		kinds = append(kinds, "?")
	}
	changes := turn.Session.Changes()
	return fmt.Sprintf("replies %v, set %v, trim %d, append %d",
		kinds, slices.Sorted(maps.Keys(changes.Set)), changes.Trim, len(changes.Append))
}

// handle runs a turn and fails the test when the handler is stuck, panics, or
// writes after it returned.
func handle(ctx context.Context, t *testing.T, s skills.Skill, turn *skills.Turn, w *RecordingWriter) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		var err error
		defer func() {
			if v := recover(); v != nil {
				t.Errorf("Handle panicked: %v\n%s", v, debug.Stack())
			}
			w.Close()
			ended <- err
		}()
		err = skills.Input(s.Manifest())(s).Handle(ctx, turn, w)
	}()
	select {
	case err := <-ended:
		t.Cleanup(func() {
			if n := w.Late(); n > 0 {
				t.Errorf("%d drafts or replies came after Handle had returned", n)
			}
		})
		return err
	case <-time.After(patience):
		t.Errorf("Handle did not return within %s", patience)
		return errStuck
	}
}

// allowed puts the turn where the skill may be used, by whom, in its world.
func allowed(t *testing.T, h Harness, s skills.Skill, o TurnOptions) TurnOptions {
	t.Helper()
	if o.World == nil {
		o.World = newWorld(t, h, s)
	}
	m := s.Manifest()
	if len(m.Roles) > 0 {
		o.Role = m.Roles[0]
	}
	if len(m.Places) > 0 {
		o.Place = m.Places[0]
	}
	return o
}

// command is the skill's main command; empty for none.
func command(s skills.Skill) string {
	if commands := s.Manifest().Commands; len(commands) > 0 {
		return commands[0].Name
	}
	return ""
}
