package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/session"
	"github.com/parley-hub/parley/skills"
)

// Name is the skill's name in the manifest.
const Name = "chat"

// DefaultHistoryTokens is the budget where Options has none.
const DefaultHistoryTokens = 4096

// maxAnswer bounds one answer in bytes, whatever the worker sends; past it the
// answer counts as cut by its length.
const maxAnswer = 256 << 10

// errUnfinished is in the fault of a stream that ended without a finish reason.
var errUnfinished = errors.New("the answer ended without a finish reason")

// Models says which model pool answers. ok is false where there is none.
type Models interface {
	Choose(w models.Wish) (c models.Choice, ok bool)
	// Sees tells whether that pool's model sees pictures.
	Sees(name string) bool
	// Calls tells whether that pool's model calls tools.
	Calls(name string) bool
}

// Options configure the skill.
type Options struct {
	// HistoryTokens bounds what is remembered and what of it, with the new message,
	// goes into a prompt, in tokens as core.EstimateTokens guesses them. 0 means
	// DefaultHistoryTokens.
	HistoryTokens int
	// MaxTokens bounds one answer; 0 leaves it to the worker.
	MaxTokens int
	// Models is required.
	Models Models
	// Prompt is what the model is told first; empty for nothing.
	Prompt string
	// Timeout bounds one turn; 0 means the hub's default.
	Timeout time.Duration
	// Tools bound what the model may call.
	Tools ToolOptions
	// Observer sees what the model calls; nil for nobody.
	Observer core.Observer
}

// Skill talks to a model. It is safe for concurrent use.
type Skill struct{ options Options }

// New makes the skill.
func New(o Options) *Skill {
	if o.HistoryTokens <= 0 {
		o.HistoryTokens = DefaultHistoryTokens
	}
	if o.Tools.Steps <= 0 {
		o.Tools.Steps = DefaultSteps
	}
	if o.Tools.Calls <= 0 {
		o.Tools.Calls = DefaultCalls
	}
	return &Skill{options: o}
}

// Manifest introduces the skill. It has no command: what is no command is routed to it.
func (s *Skill) Manifest() skills.Manifest {
	m := skills.Manifest{Name: Name, Timeout: s.options.Timeout, NeedsModel: true}
	if !s.options.Tools.Off {
		// What a tool says elsewhere goes out with the answer.
		m.Permissions = skills.Permissions{Tools: []string{skills.AllTools}, Storage: stepsQuota, Elsewhere: true}
	}
	return m
}

// Handle answers one message.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q, how := answered(t)
	switch how {
	case replyAside:
		waitOn(t, w, q)
		return nil
	case replyYes, replyNo:
		return s.decide(ctx, t, w, &decision{waiting: q, yes: how == replyYes})
	}
	said := describe(t)
	if said == "" {
		w.Reply(core.Text{Text: nothingSaid.In(t.Envelope.From.Language)})
		return nil
	}
	if how == replyOther {
		said = "[does not want the call of " + strings.Join(q.Tools, ", ") + "]\n" + said
	}
	// What people said past the bot since it last spoke comes before.
	lines := append(slices.Clone(t.Session.TakeHeard()), session.Line{Name: speaker(t.Envelope), Text: said})
	return s.answer(ctx, t, w, lines, lines, nil)
}

// decide goes on with an answer for which a person had to be asked.
func (s *Skill) decide(ctx context.Context, t *skills.Turn, w skills.Writer, d *decision) error {
	lines, ok, err := asked(t, d.Turns[0])
	if err != nil {
		return err
	}
	if !ok {
		w.Reply(core.Text{Text: questionOver.In(t.Envelope.From.Language)})
		return nil
	}
	now := append(slices.Clone(t.Session.TakeHeard()), decidedLine(t, d))
	return s.answer(ctx, t, w, lines, now, d)
}

// answer has the model answer lines; now is what is remembered as said in this turn. d is
// nil but for an answer that goes on.
func (s *Skill) answer(ctx context.Context, t *skills.Turn, w skills.Writer, lines, now []session.Line, d *decision) error {
	choice, err := s.choose(t)
	if err != nil {
		return err
	}
	l := &loop{s: s, t: t, w: w, client: choice.Client, sees: s.options.Models.Sees(choice.Pool), decided: d}
	if err := l.open(ctx, choice.Pool); err != nil {
		return err
	}
	if d != nil && !l.knows(d) {
		w.Reply(core.Text{Text: questionOver.In(t.Envelope.From.Language)})
		return nil
	}
	if err := l.prepare(ctx, lines); err != nil {
		return err
	}
	a, err := l.run(ctx)
	switch {
	case err == nil:
	case t.Last && a.text != "" && ctx.Err() == nil && fault.ClassOf(err) == fault.Retryable:
		// No other run could say the rest.
		t.Log.Error().Err(err).Msg("the answer broke off for good, what was said is kept")
		a.finish = brokeOff
	default:
		return err
	}
	a.by.Pool = choice.Pool
	if len(a.waiting) > 0 {
		return l.confirm(now, a)
	}
	return l.finish(now, a)
}

// open finds what the model may call in this turn, and what it has called already.
func (l *loop) open(ctx context.Context, pool string) error {
	if l.t.Tools == nil || l.s.options.Tools.Off || !l.s.options.Models.Calls(pool) {
		return nil
	}
	if l.tools = l.t.Tools.List(); len(l.tools) > maxOffered {
		l.t.Log.Warn().Int("tools", len(l.tools)).Int("offered", maxOffered).Msg("there are more tools than a model is offered")
		l.tools = l.tools[:maxOffered]
	}
	if len(l.tools) == 0 {
		return nil
	}
	turn := l.t.ID
	if l.decided != nil {
		turn = l.decided.Turns[0]
	}
	var err error
	l.steps, err = openSteps(ctx, l.t, turn)
	return err
}

// knows tells whether the calls that a person decided about are still there.
func (l *loop) knows(d *decision) bool {
	if l.steps == nil {
		return false
	}
	st, ok := l.steps.step(d.Step)
	return ok && !slices.ContainsFunc(d.Calls, func(i int) bool { return i < 0 || i >= len(st.Calls) })
}

// prepare makes the first request.
func (l *loop) prepare(ctx context.Context, lines []session.Line) error {
	t, calls := l.t, l.steps != nil
	var without []core.EnvelopeID
	if l.decided != nil {
		without = l.decided.Turns
	}
	messages, err := l.s.prompt(t, lines, l.sees, calls, without...)
	if err != nil {
		return err
	}
	l.w.Draft()
	if l.sees {
		if messages[len(messages)-1].Images, err = pictures(ctx, t); err != nil {
			return err
		}
		l.shown = len(messages[len(messages)-1].Images)
	}
	l.request = models.Request{
		Messages: messages, MaxTokens: l.s.options.MaxTokens, Affinity: affinity(t), Trace: t.Envelope.Trace,
		// A draft takes the place of the one before, so that an answer may begin again.
		Shown: l.w.Drafted, Restart: true,
		For:   models.Payer{Account: string(t.Envelope.In.Account), Person: string(t.Person), Role: string(t.Role), Skill: Name},
		Cache: models.Caching{Locale: t.Envelope.From.Language, First: standsAlone(t, lines, messages)},
	}
	if calls {
		l.request.Cache.Mode = models.CacheNever // what a tool says now it may not say again
	}
	return nil
}

// standsAlone tells whether what was said can be understood without anything that was
// said before.
func standsAlone(t *skills.Turn, lines []session.Line, messages []models.Message) bool {
	return len(lines) == 1 && t.Envelope.ReplyTo == nil && !slices.ContainsFunc(messages[:len(messages)-1], func(m models.Message) bool {
		return m.Role != models.System
	})
}

// choose gives the pool that answers: the one which the route names, else the one which
// the conversation chose, else the configuration's. It holds for the whole turn.
func (s *Skill) choose(t *skills.Turn) (models.Choice, error) {
	chosen, by := t.Chosen()
	c, ok := s.options.Models.Choose(models.Wish{
		Named: t.Model, Chosen: chosen, ChosenBy: string(by), Skill: Name, Account: string(t.Envelope.In.Account),
	})
	if len(c.Missed) > 0 {
		t.Log.Warn().Strs("models", c.Missed).Str("instead", c.Pool).Msg("a model that was asked for is not there, or not for this role")
	}
	if !ok {
		return c, fault.New(fault.Permanent, "chat", fmt.Errorf("none of the model pools %q is configured", c.Missed),
			fault.WithPublic(noModel.In(t.Envelope.From.Language)))
	}
	return c, nil
}

// answer is what a model said, why it stopped, and which it was.
type answer struct {
	text   string
	finish models.Finish
	by     session.By
	// calls are the tools that the model asks for.
	calls []models.ToolCall
	// waiting are the calls of a step that a person must confirm.
	waiting []int
	step    int
}

// brokeOff ends an answer of which no worker said the rest.
const brokeOff models.Finish = "broke off"

// stream shows the answer as it grows, and gives it with an error too. Each draft carries the whole text so far;
// how many of them are shown is the deliverer's business.
func stream(ctx context.Context, client models.Client, r models.Request, w skills.Writer) (answer, error) {
	var text strings.Builder
	said := func() string { return strings.TrimSpace(text.String()) }
	for d, err := range client.Chat(ctx, r) {
		if err != nil {
			return answer{text: said()}, err
		}
		if d.Reset {
			text.Reset()
		}
		if d.Text != "" {
			text.WriteString(d.Text)
			if said() != "" {
				w.Draft(core.Text{Text: text.String(), Format: core.Markdown})
			}
		}
		if d.Finish != "" {
			return answer{text: said(), finish: d.Finish, by: session.By{Version: d.Version, Model: d.Model}, calls: d.Calls}, nil
		}
		if text.Len() > maxAnswer {
			return answer{text: said(), finish: models.FinishLength}, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	return answer{text: said()}, fault.New(fault.Retryable, "chat", errUnfinished)
}

// finish replies and remembers. An answer that is empty is not remembered, unless something
// was done for it: the next prompt is better without a question that nobody answered.
func (l *loop) finish(lines []session.Line, a answer) error {
	language := l.t.Envelope.From.Language
	note := notes[a.finish].In(language)
	done := l.fresh()
	if a.text == "" && note == "" && !slices.ContainsFunc(done, told.seen) {
		note = emptyAnswer.In(language)
	}
	var parts []core.Part
	if a.text != "" {
		parts = append(parts, core.Text{Text: a.text, Format: core.Markdown})
	}
	if note != "" {
		// A part of its own: inside the answer it could land in an open code fence.
		parts = append(parts, core.Text{Text: note})
	}
	if a.text != "" || len(done) > 0 {
		if err := l.s.remember(l.t, lines, a.text, brief(done), a.by); err != nil {
			return err
		}
	}
	if len(parts) > 0 {
		l.w.Reply(parts...)
	}
	return l.hand(done)
}

// remember adds a turn to the history.
func (s *Skill) remember(t *skills.Turn, lines []session.Line, said string, calls []session.Call, by session.By) error {
	turn := session.Turn{ID: t.ID, At: t.Now, Said: lines, Answer: said, Tokens: cost(lines...) + callCost(calls), By: by, Calls: calls}
	turn.Tokens += messageTokens + core.EstimateTokens(said)
	if t.Envelope.In.Place == core.Private {
		turn.Via = t.Envelope.In.Account
	}
	t.Session.Append(turn)
	if err := t.Session.Trim(s.options.HistoryTokens); err != nil {
		return unreadable(err)
	}
	return nil
}

// affinity is the same for all turns of one memory, and tells nothing about whose
// it is.
func affinity(t *skills.Turn) string {
	key, err := json.Marshal(t.Key)
	if err != nil {
		panic("chat: a session key is plain strings: " + err.Error())
	}
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// unreadable is the fault of a memory that this build cannot read. It waits for a
// build that can, since going on would forget what was said.
func unreadable(err error) error { return fault.New(fault.NeedsHuman, "chat: read history", err) }
