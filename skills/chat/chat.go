package chat

import (
	"cmp"
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
}

// Options configure the skill.
type Options struct {
	// Manifest introduces a skill that talks as this one does, by instructions of its own;
	// the zero Manifest is chat's.
	Manifest skills.Manifest
	// Pool is the one that answers where no route names another; empty for the
	// conversation's.
	Pool string
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
}

// Skill talks to a model. It is safe for concurrent use.
type Skill struct{ options Options }

// New makes the skill.
func New(o Options) *Skill {
	if o.HistoryTokens <= 0 {
		o.HistoryTokens = DefaultHistoryTokens
	}
	if o.Manifest.Name == "" {
		o.Manifest = skills.Manifest{Name: Name, Timeout: o.Timeout, NeedsModel: true}
	}
	return &Skill{options: o}
}

// Manifest introduces the skill. Chat itself has no command: what is no command is routed to
// it.
func (s *Skill) Manifest() skills.Manifest { return s.options.Manifest }

// called is what somebody says who calls the skill by its command and says nothing else: to
// the model, that is a wish of its own. It is empty where there was no command.
func (s *Skill) called(t *skills.Turn) string {
	if c, ok := t.Envelope.Command(); ok && len(s.options.Manifest.Commands) > 0 {
		return "/" + c.Name
	}
	return ""
}

// Handle answers one message.
func (s *Skill) Handle(ctx context.Context, t *skills.Turn, w skills.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	said := cmp.Or(describe(t), s.called(t))
	if said == "" {
		w.Reply(core.Text{Text: nothingSaid.In(t.Envelope.From.Language)})
		return nil
	}
	choice, err := s.choose(t)
	if err != nil {
		return err
	}
	sees := s.options.Models.Sees(choice.Pool)
	// What people said past the bot since it last spoke comes before.
	lines := append(slices.Clone(t.Session.TakeHeard()), session.Line{Name: speaker(t.Envelope), Text: said})
	messages, err := s.prompt(t, lines, sees)
	if err != nil {
		return err
	}
	w.Draft()
	if sees {
		if messages[len(messages)-1].Images, err = pictures(ctx, t); err != nil {
			return err
		}
	}
	a, err := stream(ctx, choice.Client, models.Request{
		Messages: messages, MaxTokens: s.options.MaxTokens, Affinity: affinity(t), Trace: t.Envelope.Trace,
		// A draft takes the place of the one before, so that an answer may begin again.
		Shown: w.Drafted, Restart: true,
		For:   models.Payer{Account: string(t.Envelope.In.Account), Person: string(t.Person), Role: string(t.Role), Skill: s.options.Manifest.Name},
		Cache: models.Caching{Locale: t.Envelope.From.Language, First: standsAlone(t, lines, messages)},
	}, w)
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
	return s.finish(t, w, lines, a)
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
		Named: cmp.Or(t.Model, s.options.Pool), Chosen: chosen, ChosenBy: string(by), Skill: s.options.Manifest.Name, Account: string(t.Envelope.In.Account),
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
			return answer{said(), d.Finish, session.By{Version: d.Version, Model: d.Model}}, nil
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

// finish replies and remembers. An answer that is empty is not remembered: the
// next prompt is better without a question that nobody answered.
func (s *Skill) finish(t *skills.Turn, w skills.Writer, lines []session.Line, a answer) error {
	language := t.Envelope.From.Language
	note := notes[a.finish].In(language)
	if a.text == "" {
		if note == "" {
			note = emptyAnswer.In(language)
		}
		w.Reply(core.Text{Text: note})
		return nil
	}
	parts := []core.Part{core.Text{Text: a.text, Format: core.Markdown}}
	if note != "" {
		// A part of its own: inside the answer it could land in an open code fence.
		parts = append(parts, core.Text{Text: note})
	}
	turn := session.Turn{
		ID: t.ID, At: t.Now, Said: lines, Answer: a.text, Tokens: cost(lines...) + messageTokens + core.EstimateTokens(a.text),
		By: a.by,
	}
	if t.Envelope.In.Place == core.Private {
		turn.Via = t.Envelope.In.Account
	}
	t.Session.Append(turn)
	if err := t.Session.Trim(s.options.HistoryTokens); err != nil {
		return unreadable(err)
	}
	w.Reply(parts...)
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
