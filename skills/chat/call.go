package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/skills"
)

const (
	// maxAtOnce is how many calls of a step are made at a time.
	maxAtOnce = 4
	// maxSame is how often the very same call is made in one turn.
	maxSame = 2
	// maxPerStep, maxCallArguments and maxStepArguments bound what one step asks for, the
	// arguments of one call and of all in bytes.
	maxPerStep       = 32
	maxCallArguments = 32 << 10
	maxStepArguments = 128 << 10
	// recordTime is how long a result may take to be kept when the turn is over meanwhile.
	recordTime = 3 * time.Second
)

// bounded gives the calls of a step that are looked at. Arguments that are too long are
// left out.
func bounded(calls []models.ToolCall) []models.ToolCall {
	calls = slices.Clone(calls[:min(len(calls), maxPerStep)])
	left := maxStepArguments
	for i := range calls {
		if n := len(calls[i].Arguments); n > min(maxCallArguments, left) {
			calls[i].Arguments = json.RawMessage(tooLong)
		} else {
			left -= n
		}
	}
	return calls
}

// tooLong stands for arguments that are longer than they may be: no schema is asked.
const tooLong = `{"error":"the arguments were too long and are not repeated"}`

// planned is a call that is to be made.
type planned struct {
	index int
	call  skills.Call
}

// step makes the calls of a step that were not made yet, and gives what came of all of them;
// or those that a person must confirm first.
func (l *loop) step(ctx context.Context, n int, st step, recorded bool) (results []result, waiting []int, err error) {
	results = make([]result, len(st.Calls))
	var plan []planned
	for i, c := range st.Calls {
		if r, ok := l.steps.result(n, i); ok {
			results[i] = r
			l.count(c, r)
			continue
		}
		r, input, verdict := l.judge(n, i, c)
		switch verdict {
		case makeIt:
			l.count(c, result{Outcome: skills.ToolDone})
			call := skills.Call{ID: l.steps.callID(n, i), Tool: c.Name, Input: input, Attempt: 1}
			switch {
			case l.decided.about(n, i):
				call.Attempt = l.t.Attempt
			case recorded: // by a run before, which may have made it
				call.Attempt = max(l.t.Attempt, 2)
			}
			plan = append(plan, planned{i, call})
		case askFirst:
			waiting = append(waiting, i)
		case leaveIt:
			l.count(c, r)
			if results[i], err = l.leave(ctx, n, i, c, r); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := l.makeAll(ctx, n, plan, results); err != nil {
		return nil, nil, err
	}
	l.oneQuestion(results)
	if len(waiting) == 0 || !l.asks {
		return results, waiting, nil
	}
	for _, i := range waiting {
		r := result{Outcome: skills.ToolWithheld, Text: "Not called: the person must confirm it, and is being asked something else. Call it later."}
		if results[i], err = l.leave(ctx, n, i, st.Calls[i], r); err != nil {
			return nil, nil, err
		}
	}
	return results, nil, nil
}

// oneQuestion has the person be asked one thing at a time: the first.
func (l *loop) oneQuestion(results []result) {
	for i := range results {
		if results[i].Question == nil {
			continue
		}
		if l.asks {
			results[i].Question = nil
			results[i].Text += "\n[This question could not be asked: another one is open.]"
		}
		l.asks = true
	}
}

// makeAll makes calls, some at a time, and keeps each result as soon as it is there.
func (l *loop) makeAll(ctx context.Context, n int, plan []planned, results []result) error {
	if len(plan) == 0 {
		return nil
	}
	within, cancel := callTime(ctx)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(maxAtOnce)
	for _, p := range plan {
		group.Go(func() error {
			r, err := l.make(ctx, within, n, p.call)
			if err != nil {
				return err
			}
			results[p.index] = r
			// What is done is kept, also where the turn is over meanwhile.
			keeping, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
			defer cancel()
			return l.steps.keep(keeping, n, p.index, r)
		})
	}
	return errors.Join(group.Wait(), ctx.Err())
}

// callTime bounds the calls of a step to half of what the turn has left: it is to say
// something about a tool that hangs.
func callTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}

// make makes one call. Only the end of the turn itself is an error.
func (l *loop) make(turn, within context.Context, n int, c skills.Call) (result, error) {
	if err := turn.Err(); err != nil {
		return result{}, err
	}
	began := time.Now()
	said, err := l.t.Tools.Call(within, c)
	if turn.Err() != nil && err != nil {
		return result{}, turn.Err()
	}
	line := l.t.Log.Info().Str("tool", c.Tool).Int("step", n).Dur("took", time.Since(began))
	if err != nil {
		line.Err(err).Str("outcome", string(skills.ToolFailed)).Msg("tool called")
		return result{Outcome: skills.ToolFailed, Text: failed(err, within.Err() != nil)}, nil
	}
	line.Str("outcome", string(skills.ToolDone)).Msg("tool called")
	return resultOf(said)
}

// failed says to the model that a call failed, in words that a person may read too.
func failed(err error, late bool) string {
	words := fault.Public(err)
	switch {
	case words == "" && late:
		words = "It took too long."
	case words == "":
		words = "Something went wrong on its side."
	}
	text := "The tool failed: " + words
	if ref := fault.Ref(err); ref != "" {
		text += " (" + ref + ")"
	}
	return text
}

// verdict says what is to be done with a call.
type verdict uint8

const (
	leaveIt verdict = iota
	makeIt
	askFirst
)

// judge looks at a call that has no result yet. Its text is what the model reads where it is
// left.
func (l *loop) judge(n, i int, c models.ToolCall) (r result, input json.RawMessage, v verdict) {
	at := slices.IndexFunc(l.tools, func(x skills.Callable) bool { return x.Name == c.Name })
	switch {
	case l.wrong[c.Name] > maxRepairs:
		return result{Outcome: skills.ToolWithheld, Text: "Not called. This tool cannot be used in this turn any more."}, nil, leaveIt
	case at < 0:
		text := fmt.Sprintf("Not called: there is no tool %s. There are: %s.", strconv.Quote(cut(c.Name, maxName)), l.names())
		return result{Outcome: skills.ToolUnknown, Text: l.again(c, text)}, nil, leaveIt
	}
	var err error
	if string(c.Arguments) == tooLong {
		err = fmt.Errorf("the arguments are longer than %d bytes, or those of all calls are longer than %d", maxCallArguments, maxStepArguments)
	} else {
		input, err = l.tools[at].Check(c.Arguments)
	}
	switch {
	case err != nil:
		text := "Not called: the arguments are wrong: " + cut(err.Error(), maxWrong) + "."
		return result{Outcome: skills.ToolInvalid, Text: l.again(c, text)}, nil, leaveIt
	case l.same[sameness(c)] >= maxSame:
		l.end(limitRepeat)
		return result{Outcome: skills.ToolWithheld, Limit: limitRepeat, Text: "Not called: this very call was made before, and its result is above. Answer with what you know."}, nil, leaveIt
	case l.calls >= l.s.options.Tools.Calls:
		l.end(limitCalls)
		return result{Outcome: skills.ToolWithheld, Limit: limitCalls, Text: "Not called: no more calls are allowed in this turn. Answer with what you know."}, nil, leaveIt
	case !l.tools[at].Dangerous:
		return result{}, input, makeIt
	case !l.decided.about(n, i):
		return result{}, input, askFirst
	case !l.decided.yes:
		return result{Outcome: skills.ToolRefused, Text: "Not called: the person was asked and does not want it."}, nil, leaveIt
	}
	return result{}, input, makeIt
}

const (
	// maxRepairs is how often the model may correct a call of a tool.
	maxRepairs = 1
	// maxWrong bounds what is said about wrong arguments, in characters.
	maxWrong = 2000
)

// again says what to do about a call that was wrong.
func (l *loop) again(c models.ToolCall, text string) string {
	if l.wrong[c.Name] < maxRepairs {
		return text + " Correct it and call again."
	}
	return text + " This tool cannot be used in this turn any more: answer without it."
}

func (l *loop) names() string {
	names := make([]string, len(l.tools))
	for i, c := range l.tools {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

// sameness is equal for calls that are.
func sameness(c models.ToolCall) string {
	var text bytes.Buffer
	var whole any
	if json.Unmarshal(c.Arguments, &whole) == nil {
		if data, err := json.Marshal(whole); err == nil { // in order of the keys
			text.Write(data)
		}
	}
	return c.Name + " " + text.String()
}

// count remembers what became of a call, for the ones after it.
func (l *loop) count(c models.ToolCall, r result) {
	switch r.Outcome {
	case skills.ToolDone, skills.ToolFailed:
		l.calls++
		l.same[sameness(c)]++
		delete(l.wrong, c.Name)
	case skills.ToolInvalid, skills.ToolUnknown:
		l.wrong[c.Name]++
	case skills.ToolWithheld, skills.ToolRefused:
		if r.Limit != "" {
			l.end(r.Limit)
		}
	}
}

// leave keeps and counts the result of a call that is not made.
func (l *loop) leave(ctx context.Context, n, i int, c models.ToolCall, r result) (result, error) {
	event := core.Event{Stage: core.StageTool, Tool: c.Name, Outcome: string(r.Outcome)}
	if at := slices.IndexFunc(l.tools, func(x skills.Callable) bool { return x.Name == c.Name }); at >= 0 {
		event.Skill = l.tools[at].Skill
	} else {
		event.Tool = "" // a name that the model made up is no label
	}
	l.observe(event)
	l.t.Log.Info().Str("tool", event.Tool).Int("step", n).Str("outcome", string(r.Outcome)).Msg("tool not called")
	return r, l.steps.keep(ctx, n, i, r)
}
