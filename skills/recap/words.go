package recap

import (
	"errors"

	"github.com/parley-hub/parley/skills"
)

var errEmpty = errors.New("the model gave no summary")

// instruction is what the model is told; it gets the language.
const instruction = "Below is a conversation between people and a bot. Sum up for the person who asks what it was about and " +
	"what is still open, in at most five short sentences, in this language: %s. Add nothing that was not said."

var (
	about = skills.Phrase{
		"en": "Say what our conversation is about",
		"de": "Sagen, worum es in unserem Gespräch geht",
	}
	nothing = skills.Phrase{
		"en": "We have not talked about anything yet.",
		"de": "Wir haben noch über nichts gesprochen.",
	}
	noSummary = skills.Phrase{
		"en": "No model could sum it up right now.",
		"de": "Gerade konnte kein Modell es zusammenfassen.",
	}
	heading = skills.Phrase{
		"en": "The last turns of our conversation (%d of %d that I remember):",
		"de": "Das Letzte aus unserem Gespräch (%d von %d Wortwechseln, an die ich mich erinnere):",
	}
	you = skills.Phrase{"en": "You", "de": "Du"}
	me  = skills.Phrase{"en": "Me", "de": "Ich"}
)
