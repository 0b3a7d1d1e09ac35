package reach

import "github.com/parley-hub/parley/skills"

var (
	about = skills.Phrase{
		"en": "Say on which account I reach you when you did not ask",
		"de": "Sagen, auf welchem Konto ich dich ungefragt erreiche",
	}
	which = skills.Phrase{"en": "Your accounts:", "de": "Deine Konten:"}
	how   = skills.Phrase{
		"en": "Write /reach_me_on with a number, last (where you wrote last) or all.",
		"de": "Schreib /reach_me_on mit einer Nummer, zuletzt (wo du zuletzt geschrieben hast) oder alle.",
	}
	last    = skills.Phrase{"en": "Where I wrote last", "de": "Wo ich zuletzt schrieb"}
	every   = skills.Phrase{"en": "All of them", "de": "Auf allen"}
	kept    = skills.Phrase{"en": "Noted.", "de": "Notiert."}
	unknown = skills.Phrase{"en": "You have no such account.", "de": "Ein solches Konto hast du nicht."}
	onLast  = skills.Phrase{
		"en": "What you did not ask for I send where you wrote last.",
		"de": "Wonach du nicht gefragt hast, schicke ich dorthin, wo du zuletzt geschrieben hast.",
	}
	onAll = skills.Phrase{
		"en": "What you did not ask for I send to all your accounts.",
		"de": "Wonach du nicht gefragt hast, schicke ich an alle deine Konten.",
	}
	onOne = skills.Phrase{
		"en": "What you did not ask for I send to %s.",
		"de": "Wonach du nicht gefragt hast, schicke ich an %s.",
	}
)
