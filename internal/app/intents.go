package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/intents"
	"github.com/parley-hub/parley/router"
	"github.com/parley-hub/parley/skills"
)

// intentSkill is whom the vector of a person's message is charged to, in the person's name:
// no skill has such a name.
const intentSkill = "(intent)"

// meanings weighs messages against the examples of the skills there are.
type meanings struct {
	// config is the one that holds now.
	config  func() *configs.Config
	weigher *intents.Weigher
	log     zerolog.Logger
}

var _ router.Intents = (*meanings)(nil)

// makeMeanings makes what weighs messages, before there are skills.
func (a *App) makeMeanings() error {
	a.meanings = &meanings{config: a.running.Load, log: a.room("intents")}
	a.meanings.weigher = intents.New(intents.Options{Embedder: intentVectors{a.running.Load, a.programs}, Log: a.room("intents")})
	return a.telemetry.WatchIntents(func() telemetry.IntentState { return telemetry.IntentState(a.meanings.weigher.Stats()) })
}

// weighs has messages weighed against the examples of these skills. Where there is nothing to
// do it with, that is said.
func (a *App) weighs(set *skills.Set) {
	examples := examplesOf(set)
	if len(examples) > 0 && a.running.Load().Models.IntentPool() == "" {
		a.log.Warn().Strs("skills", slices.Sorted(maps.Keys(examples))).
			Msg("these skills say by examples which messages are for them, and no pool makes vectors: set models.intents.pool, or only their commands and words call them")
	}
	a.meanings.weigher.Use(examples)
}

// examplesOf are the examples of skills, by their names.
func examplesOf(set *skills.Set) map[string][]string {
	examples := map[string][]string{}
	for _, s := range set.All() {
		if m := s.Manifest(); len(m.Triggers.Intents) > 0 {
			examples[m.Name] = m.Triggers.Intents
		}
	}
	return examples
}

// Weigh implements router.Intents. What fails leaves the message to the default: an answer
// is worth more than the right skill.
func (m *meanings) Weigh(ctx context.Context, e core.Envelope, person core.PersonID, role skills.Role) router.Meaning {
	c := m.config().Models
	out := router.Meaning{Least: c.Intents.Threshold, Ahead: c.Intents.Margin}
	if c.IntentPool() == "" {
		out.Why = "no pool makes vectors (models.intents.pool)"
		return out
	}
	scores, err := m.weigher.Weigh(ctx, intents.Question{
		Text: strings.TrimSpace(e.Text()), Trace: e.Trace,
		For: models.Payer{Account: string(e.In.Account), Person: string(person), Role: string(role), Skill: intentSkill},
	})
	switch {
	case err == nil:
		out.Scores = scores
	case errors.Is(err, intents.ErrTooLong):
		out.Why = "the message is too long to be weighed"
	default:
		class := fault.ClassOf(err)
		out.Why = "the message got no vector (" + class.String() + ")"
		if ctx.Err() == nil && class != fault.RateLimited { // of a budget its person is told by the answer
			m.log.Warn().Err(err).Stringer("class", class).Str("trace", string(e.Trace)).Msg("a message got no vector and goes to the default")
		}
	}
	return out
}

// intentVectors makes vectors with the pool that the configuration of now names.
type intentVectors struct {
	config   func() *configs.Config
	registry *models.Registry
}

// Embed implements models.Embedder.
func (v intentVectors) Embed(ctx context.Context, r models.EmbedRequest) (models.Embeddings, error) {
	pool := v.config().Models.IntentPool()
	if pool == "" {
		return models.Embeddings{}, fault.New(fault.NeedsHuman, "make vectors", intents.ErrNoPool)
	}
	return vectorsOf{v.registry, pool}.Embed(ctx, r)
}
