package skilltest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/skills"
)

// Sample is a skill with something of everything, to prove with what brings skills from
// elsewhere: the suite passes with it inside the hub, and so it must as a program and through
// another protocol. Make it with NewSample.
type Sample struct {
	once    *sync.Once
	working chan struct{}
	more    []skills.Tool
}

var _ skills.Skill = Sample{}

// NewSample makes one.
func NewSample() Sample { return Sample{once: &sync.Once{}, working: make(chan struct{})} }

// NewSlowSample makes one that has the tool SampleWait too, and closes working once that is
// at work.
func NewSlowSample() (s Sample, working <-chan struct{}) {
	s = NewSample()
	s.more = []skills.Tool{{Name: SampleWait, Description: "Is busy"}}
	return s, s.working
}

// NewFailingSample makes one that has the tool SampleFail too.
func NewFailingSample() Sample {
	s := NewSample()
	s.more = []skills.Tool{{Name: SampleFail, Description: "Fails, and says why", Dangerous: true}}
	return s
}

// The names of its tools, beside those of its commands. SampleFail fails, with words for
// people; SampleWait is busy until its context ends.
const (
	SampleSay  = "sample_say"
	SampleFail = "sample_fail"
	SampleWait = "sample_wait"
	SampleFile = "sample_file"
)

// Manifest implements skills.Skill.
func (s Sample) Manifest() skills.Manifest {
	help := map[string]string{"en": "Shows something", "de": "Zeigt etwas"}
	return skills.Manifest{
		Name: "sample", Version: "1.0.0",
		Commands: []skills.Command{
			{Name: "sample", Args: "[words]", Help: help},
			{Name: "sample_ask", Help: help},
			{Name: "sample_order", Help: help, Tool: true, Input: json.RawMessage(
				`{"type":"object","required":["what"],"properties":{"what":{"type":"string","minLength":1},"many":{"type":"integer","minimum":1,"maximum":9,"default":2}}}`)},
			{Name: "sample_count", Help: help, Tool: true, Input: json.RawMessage(`{"type":"object","properties":{}}`)},
		},
		Tools: append([]skills.Tool{
			{Name: SampleSay, Description: "Says it again", Input: json.RawMessage(`{"type":"object","required":["text"],"properties":{"text":{"type":"string"},
				"style":{"type":"object","properties":{"loud":{"type":"boolean"},"tags":{"type":"array","items":{"type":"string"}}}}}}`)},
			{Name: SampleFile, Description: "Gives a picture"},
		}, s.more...),
		Permissions: skills.Permissions{Storage: 1 << 10},
	}
}

// Handle implements skills.Skill.
func (s Sample) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	command, isCommand := t.Envelope.Command()
	switch {
	case t.Called != nil && !isCommand:
		return s.called(ctx, t, w)
	case t.Asked != nil:
		say(w, "You said: "+t.Args)
	case isCommand && command.Name == "sample_ask":
		w.Ask(skills.Question{Parts: []core.Part{core.Text{Text: "Which color?"}}, State: json.RawMessage(`{"asked":1}`), For: time.Hour})
	case isCommand && command.Name == "sample_order":
		say(w, string(t.Input))
	case isCommand && command.Name == "sample_count":
		return s.count(ctx, t, w)
	default:
		say(w, t.Args)
	}
	return nil
}

// say says something, whatever it is told.
func say(w skills.Writer, words string) {
	if strings.TrimSpace(words) == "" {
		words = "nothing"
	}
	w.Reply(core.Text{Text: words})
}

// count keeps what it counted.
func (Sample) count(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	kept := t.World.PersonStorage()
	if err := kept.Set(ctx, "last", []byte(t.ID)); err != nil {
		return err
	}
	_, ok, err := kept.Get(ctx, "last")
	if err == nil && !ok {
		err = errors.New("what was kept is gone")
	}
	say(w, "counted")
	return err
}

var errSample = errors.New("the sample fails")

// called does what a model wants.
func (s Sample) called(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	switch t.Called.Tool {
	case SampleFail:
		return fault.New(fault.Permanent, "sample", errSample, fault.WithPublic("The sample fails."))
	case SampleFile:
		m, err := t.Files.Keep(ctx, core.Media{Kind: core.Image, MIME: "image/png", Name: "sample.png"}, strings.NewReader("picture"))
		if err != nil {
			return err
		}
		w.Reply(core.Text{Text: "Look:"}, m)
		return nil
	case SampleWait:
		s.once.Do(func() { close(s.working) })
		<-ctx.Done()
		return ctx.Err()
	}
	var in struct{ Text string }
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return fault.New(fault.Permanent, "sample", err, fault.WithPublic("These are no arguments."))
	}
	say(w, in.Text)
	return nil
}

// Calling gives a skill of which everything that is said to it calls a tool of s, with the
// words as "text": so the whole suite goes the way that calls do.
func Calling(s skills.Skill, tool string) skills.Skill { return calling{s, tool} }

type calling struct {
	skills.Skill
	tool string
}

// Handle implements skills.Skill.
func (c calling) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if t.Called == nil {
		input, err := json.Marshal(map[string]string{"text": strings.ToValidUTF8(t.Args, "?")})
		if err != nil {
			return err
		}
		one := *t
		one.Called, one.Input, one.Asked = &skills.Called{Tool: c.tool, Call: string(t.ID)}, input, nil
		one.Envelope.Parts = []core.Part{}
		t = &one
	}
	return c.Skill.Handle(ctx, t, w)
}
