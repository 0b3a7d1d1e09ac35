package console

import (
	"slices"
	"strconv"
	"time"

	"github.com/parley-hub/parley/core"
)

// barWidth is the width of a path's bar in the units of its drawing.
const barWidth = 1000

// pathView is a Journey ready for the template.
type pathView struct {
	Trace, Account, Kind string
	Time, Machine        string
	// State is a word for how it stands, Class its colour.
	State, Class string
	Total        string
	Chips        []chip
	Bars         []bar
	Steps        []stepView
	Dropped      int
}

// chip is one step in the line that tells the path.
type chip struct {
	Name, Took, Class string
}

// bar is a stretch of time in the drawing of the path.
type bar struct {
	X, Width int
	Class    string
	Title    string
}

type stepView struct {
	Stage, Offset, Took, Note, Class string
}

// words are what the stages are called on the page.
var words = map[core.Stage]string{
	core.StageAccepted: "accepted", core.StageDuplicate: "duplicate dropped", core.StageRefused: "refused",
	core.StageTaken: "waited", core.StageRouted: "routed", core.StageIgnored: "ignored", core.StageModel: "model",
	core.StageTool: "tool", core.StageToolLimit: "no more tools", core.StageSkill: "skill", core.StageCommitted: "committed", core.StageRetry: "will retry",
	core.StageDraft: "draft shown", core.StageSent: "sent", core.StageUnsure: "sent once more",
	core.StageDelivered: "delivered", core.StageUndelivered: "did not arrive", core.StageBuried: "buried",
}

// timed are the stages whose time is drawn. A delivered step would cover the
// sent ones it is made of.
var timed = map[core.Stage]string{
	core.StageAccepted: "store", core.StageTaken: "wait", core.StageSkill: "skill",
	core.StageModel: "model", core.StageTool: "skill", core.StageCommitted: "store", core.StageSent: "send", core.StageRetry: "bad",
}

func viewPath(j Journey) pathView {
	v := pathView{Trace: j.Trace, Account: j.Account, Kind: j.Kind, Dropped: j.Dropped, State: "on its way", Class: "busy"}
	if len(j.Steps) == 0 {
		return v
	}
	begin, end := j.Steps[0].At, j.Steps[0].At
	for _, s := range j.Steps {
		if t := s.At.Add(-s.Took); t.Before(begin) {
			begin = t
		}
		if s.At.After(end) {
			end = s.At
		}
	}
	v.Time, v.Machine, v.Total = clock(begin), machine(begin), millis(end.Sub(begin))
	for _, s := range j.Steps {
		if state, class := stands(core.Stage(s.Stage)); state != "" {
			v.State, v.Class = state, class
		}
		v.Steps = append(v.Steps, viewStep(s, begin))
	}
	for _, s := range byBeginning(j.Steps) {
		if c, ok := viewChip(s); ok {
			v.Chips = append(v.Chips, c)
		}
		if class, ok := timed[core.Stage(s.Stage)]; ok && s.Took > 0 {
			v.Bars = append(v.Bars, viewBar(s, begin, end, class))
		}
	}
	return v
}

// byBeginning puts a skill before the models it asked: steps are told when they
// end. A bar that comes later is drawn on top.
func byBeginning(steps []Step) []Step {
	out := make([]Step, 0, len(steps))
	for _, s := range steps {
		at := len(out)
		if core.Stage(s.Stage) == core.StageSkill {
			for at > 0 && within(core.Stage(out[at-1].Stage)) {
				at--
			}
		}
		out = slices.Insert(out, at, s)
	}
	return out
}

// within tells whether a step is one that a skill makes on its way.
func within(s core.Stage) bool {
	return s == core.StageModel || s == core.StageDraft || s == core.StageTool || s == core.StageToolLimit
}

// stands tells what a step means for the whole path; nothing for most steps.
func stands(s core.Stage) (state, class string) {
	switch s {
	case core.StageDelivered:
		return "answered", "good"
	case core.StageCommitted:
		return "committed", "good"
	case core.StageIgnored:
		return "ignored", "quiet"
	case core.StageDuplicate:
		return "duplicate", "quiet"
	case core.StageRetry, core.StageUnsure:
		return "retrying", "warn"
	case core.StageRefused:
		return "refused", "bad"
	case core.StageUndelivered:
		return "did not arrive", "bad"
	case core.StageBuried:
		return "buried", "bad"
	case core.StageTaken:
		return "on its way", "busy"
	default:
		return "", ""
	}
}

func viewStep(s Step, begin time.Time) stepView {
	v := stepView{Stage: word(s.Stage), Offset: millis(s.At.Sub(begin)), Note: note(s)}
	if s.Took > 0 {
		v.Took = millis(s.Took)
	}
	if s.Count > 1 {
		v.Stage += " × " + strconv.Itoa(s.Count)
	}
	if s.Fault != "" {
		v.Class = "bad"
	}
	return v
}

func word(stage string) string {
	if w, ok := words[core.Stage(stage)]; ok {
		return w
	}
	return stage
}

// note tells who acted in a step.
func note(s Step) string {
	text := ""
	add := func(label, value string) {
		if value == "" {
			return
		}
		if text != "" {
			text += ", "
		}
		text += label + " " + value
	}
	add("rule", s.Rule)
	add("skill", s.Skill)
	add("model", s.Model)
	add("worker", s.Worker)
	add("tool", s.Tool)
	add("outcome", s.Outcome)
	add("fault", s.Fault)
	return text
}

// viewChip names a step by what the reader looks for: the rule, the skill, the
// worker. Drafts and the sum of the sending are left to the details.
func viewChip(s Step) (chip, bool) {
	c := chip{Name: word(s.Stage), Class: timed[core.Stage(s.Stage)]}
	if s.Took > 0 {
		c.Took = millis(s.Took)
	}
	switch core.Stage(s.Stage) {
	case core.StageDraft, core.StageDelivered:
		return c, false
	case core.StageRouted, core.StageIgnored:
		if s.Rule != "" {
			c.Name = "rule " + s.Rule
		}
	case core.StageSkill:
		if s.Skill != "" {
			c.Name = "skill " + s.Skill
		}
	case core.StageTool:
		if s.Tool != "" {
			c.Name = "tool " + s.Tool
		}
	case core.StageModel:
		if s.Worker != "" {
			c.Name = "worker " + s.Worker
		}
	}
	if s.Fault != "" {
		c.Name += " (" + s.Fault + ")"
		c.Class = "bad"
	}
	return c, true
}

func viewBar(s Step, begin, end time.Time, class string) bar {
	whole := max(end.Sub(begin), time.Nanosecond)
	from := s.At.Add(-s.Took).Sub(begin)
	b := bar{
		X:     int(int64(from) * barWidth / int64(whole)),
		Width: max(4, int(int64(s.Took)*barWidth/int64(whole))),
		Class: class,
		Title: word(s.Stage) + " " + millis(s.Took),
	}
	b.X = min(b.X, barWidth-b.Width)
	return b
}

// millis is a duration in milliseconds, with a decimal while it matters.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	}
	return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
}
