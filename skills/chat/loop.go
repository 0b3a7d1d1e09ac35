package chat

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/skills"
)

// The bounds where Options has none.
const (
	DefaultSteps = 8
	DefaultCalls = 16
)

// maxOffered is how many tools a model is offered: more than 128 OpenAI refuses.
const maxOffered = 128

// ToolOptions bound what the model may call on the way to one answer.
type ToolOptions struct {
	// Off has it call nothing.
	Off bool
	// Steps is how many times it may call something and be asked again; 0 means
	// DefaultSteps.
	Steps int
	// Calls is how many calls it may make in all; 0 means DefaultCalls.
	Calls int
}

// Why a model may call nothing more.
const (
	limitSteps      = "steps"
	limitCalls      = "calls"
	limitTime       = "time"
	limitRepeat     = "repeat"
	limitUnreadable = "unreadable"
	limitRoom       = "room"
)

// loop is the way to one answer: the model is asked, what it calls is called, and it is
// asked again with what came of it.
type loop struct {
	s      *Skill
	t      *skills.Turn
	w      skills.Writer
	client models.Client
	// request is the next one; its messages grow.
	request models.Request
	sees    bool
	tools   []skills.Callable
	// steps are the ones that were made, durably; nil where no tools are offered.
	steps *steps
	// decided is what the person said of calls that waited for it; nil for nothing.
	decided *decision
	began   time.Time

	// calls counts those that were made, same the equal ones among them, wrong the failed
	// tries to call a tool.
	calls       int
	same, wrong map[string]int
	// misread tells that the model was told of a call that nobody can read.
	misread bool
	// stop is why nothing more may be called; empty for nothing.
	stop string
	// asks tells that a tool asked the person something.
	asks bool
	// shown counts the pictures that the model was shown.
	shown int
	// done are the calls that have a result, in order.
	done []told
}

// told is a call with its result.
type told struct {
	step, index int
	call        models.ToolCall
	result      result
}

// run gives the model's answer, or the calls that a person must confirm first.
func (l *loop) run(ctx context.Context) (answer, error) {
	l.began, l.same, l.wrong = time.Now(), map[string]int{}, map[string]int{}
	if l.steps == nil {
		a, err := stream(ctx, l.client, l.request, l.w)
		a.calls = nil
		return a, err
	}
	l.request.Tools = offered(l.tools)
	for n := 0; ; n++ {
		st, recorded := l.steps.step(n)
		if !recorded {
			a, err := l.ask(ctx, n)
			if err != nil || len(a.calls) == 0 {
				return a, err
			}
			st = step{Text: cutBytes(a.text, maxResult), Calls: bounded(a.calls)}
			if err := l.steps.add(ctx, n, st); err != nil {
				return answer{}, err
			}
		}
		results, waiting, err := l.step(ctx, n, st, recorded)
		if err != nil {
			return answer{}, err
		}
		for i, r := range results {
			if !slices.Contains(waiting, i) {
				l.done = append(l.done, told{n, i, st.Calls[i], r})
			}
		}
		if len(waiting) > 0 {
			return answer{text: st.Text, waiting: waiting, step: n}, nil
		}
		if err := l.tell(ctx, st, results); err != nil {
			return answer{}, err
		}
	}
}

func offered(tools []skills.Callable) []models.Tool {
	out := make([]models.Tool, len(tools))
	for i, c := range tools {
		out[i] = models.Tool{Name: c.Name, Description: c.Description, Parameters: c.Input}
	}
	return out
}

// aboutMisread is what a model is told whose call nobody can read.
const aboutMisread = "Your last tool call could not be read: it had no name, or its arguments were no JSON object, or too long. Call it again correctly, or answer without it."

// ask asks the model for the n-th time. A call that nobody can read is told it once; then
// it must answer without.
func (l *loop) ask(ctx context.Context, n int) (answer, error) {
	l.limit(ctx, n)
	for {
		r := l.request
		if l.stop != "" {
			r.ToolChoice = models.ToolNone
		}
		a, err := stream(ctx, l.client, r, l.w)
		switch {
		case errors.Is(err, models.ErrOverflow) && l.shorten():
		case l.stop != "":
			a.calls = nil // some servers do not keep the model from it
			return a, err
		case !errors.Is(err, models.ErrBadCall):
			return a, err
		case !l.misread:
			l.misread = true
			l.request.Messages = append(l.request.Messages, models.Message{Role: models.User, Text: aboutMisread})
		default:
			l.end(limitUnreadable)
		}
	}
}

// The bounds of shorten, in bytes.
const (
	shortest = 400
	shorter  = 4 // times
)

// shorten makes room where the prompt is longer than the model's context: what tools gave is
// cut, and where there is nothing to cut, the tools are no longer offered. It is false where
// neither helps.
func (l *loop) shorten() bool {
	cut, messages := false, slices.Clone(l.request.Messages)
	for i, m := range messages {
		if m.Role == models.ToolResult && len(m.Text) > shortest {
			messages[i].Text = cutBytes(m.Text, max(shortest/2, len(m.Text)/shorter)) + "\n[Cut: there is no room for more.]"
			cut = true
		}
	}
	if !cut {
		if len(l.request.Tools) == 0 {
			return false
		}
		l.request.Tools = nil
		messages = slices.DeleteFunc(messages, func(m models.Message) bool { return m.Role == models.ToolResult || len(m.Calls) > 0 })
		l.stop = limitRoom
		l.observe(core.Event{Stage: core.StageToolLimit, Outcome: limitRoom})
	}
	l.t.Log.Warn().Bool("tools", cut).Msg("what tools gave, or the tools, are too long for the model")
	l.request.Messages = messages
	return true
}

// limit sets stop where the model may not be asked for more.
func (l *loop) limit(ctx context.Context, n int) {
	deadline, bounded := ctx.Deadline()
	switch {
	case l.stop != "":
	case n >= l.s.options.Tools.Steps:
		l.end(limitSteps)
	case n > 0 && bounded && time.Until(deadline) < deadline.Sub(l.began)/4:
		l.end(limitTime)
	}
}

// end lets nothing more be called, and says why.
func (l *loop) end(limit string) {
	if l.stop != "" {
		return
	}
	l.stop = limit
	l.t.Log.Warn().Str("limit", limit).Int("calls", l.calls).Msg("the model may call nothing more in this turn")
	l.observe(core.Event{Stage: core.StageToolLimit, Outcome: limit})
}

func (l *loop) observe(e core.Event) {
	if l.s.options.Observer == nil {
		return
	}
	in := l.t.Envelope
	e.At, e.Trace, e.Account, e.Kind = time.Now(), in.Trace, in.In.Account, in.Kind
	if e.Skill == "" {
		e.Skill = Name
	}
	l.s.options.Observer.Observe(e)
}

// tell puts a step and what came of it behind the messages.
func (l *loop) tell(ctx context.Context, st step, results []result) error {
	messages := append(l.request.Messages, models.Message{Role: models.Assistant, Text: st.Text, Calls: st.Calls})
	for i, r := range results {
		messages = append(messages, models.Message{Role: models.ToolResult, CallID: st.Calls[i].ID, Text: r.Text})
	}
	if l.sees {
		// The protocol has no pictures in a tool's result.
		images, err := l.pictures(ctx, results)
		if err != nil {
			return err
		}
		if len(images) > 0 {
			messages = append(messages, models.Message{Role: models.User, Text: aboutResultPictures, Images: images})
		}
	}
	l.request.Messages = messages
	if st.Text == "" {
		l.w.Draft()
	}
	return nil
}

// aboutResultPictures stands before pictures that tools gave.
const aboutResultPictures = "[The pictures that the tools gave, in order.]"
