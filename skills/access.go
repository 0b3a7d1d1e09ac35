package skills

import (
	"context"

	"github.com/parley-hub/parley/core"
)

var (
	notForYou = Phrase{
		"en": "This is not available to you.",
		"de": "Das steht dir nicht zur Verfügung.",
	}
	notHere = Phrase{
		"en": "This is not available through this account.",
		"de": "Das steht über dieses Konto nicht zur Verfügung.",
	}
	onlyPrivate = Phrase{
		"en": "This works only in a private chat with me.",
		"de": "Das geht nur in einem privaten Chat mit mir.",
	}
	onlyGroups = Phrase{
		"en": "This works only in groups.",
		"de": "Das geht nur in Gruppen.",
	}
)

// Access lets only those use the skill whom its manifest allows, where it allows
// it. Others get a reply that says so and names nothing else; it is no failure.
// In a group nobody is refused aloud who did not address the bot.
func Access(m Manifest) Middleware {
	return func(next Handler) Handler {
		return HandlerFunc(func(ctx context.Context, t *Turn, w Writer) error {
			place := t.Envelope.In.Place
			if m.Allows(t.Role, place) && m.On(t.Envelope.In.Account) {
				return next.Handle(ctx, t, w)
			}
			t.Log.Info().Str("skill", m.Name).Str("role", string(t.Role)).Msg("refused by the skill's manifest")
			if overheard(t) {
				return nil
			}
			refusal := notForYou
			if m.Allows(t.Role, place) {
				refusal = notHere
			} else if (Manifest{Roles: m.Roles}).Allows(t.Role, place) {
				refusal = onlyPrivate
				if place == core.Private {
					refusal = onlyGroups
				}
			}
			w.Reply(core.Text{Text: refusal.In(t.Envelope.From.Language)})
			return nil
		})
	}
}

// overheard tells whether the turn is talk among people in a group.
func overheard(t *Turn) bool {
	return t.Envelope.In.Place != core.Private && !t.Envelope.Addressed
}
