package model

import "github.com/parley-hub/parley/skills"

var (
	about = skills.Phrase{
		"en": "Show which model answers here, or choose another one",
		"de": "Zeigen, welches Modell hier antwortet, oder ein anderes wählen",
	}
	usual  = skills.Phrase{"en": "Here %s answers.", "de": "Hier antwortet %s."}
	own    = skills.Phrase{"en": "Here %s answers, chosen for this conversation.", "de": "Hier antwortet %s, gewählt für dieses Gespräch."}
	nobody = skills.Phrase{"en": "There is no model here.", "de": "Hier gibt es kein Modell."}
	missed = skills.Phrase{
		"en": "The chosen %s is not available here at the moment.",
		"de": "Das gewählte %s steht hier zurzeit nicht zur Verfügung.",
	}
	lately = skills.Phrase{
		"en": "The last answer came from %s, version %s (%s).",
		"de": "Die letzte Antwort kam von %s, Version %s (%s).",
	}
	which = skills.Phrase{"en": "You may choose:", "de": "Zur Wahl stehen:"}
	how   = skills.Phrase{
		"en": "Write /model with a name or a number, or /model default.",
		"de": "Schreib /model mit einem Namen oder einer Nummer, oder /model standard.",
	}
	toDefault = skills.Phrase{"en": "The default", "de": "Der Standard"}
	chosen    = skills.Phrase{
		"en": "From the next message on %s answers here.",
		"de": "Ab der nächsten Nachricht antwortet hier %s.",
	}
	goneBack = skills.Phrase{
		"en": "From the next message on the default answers here: %s.",
		"de": "Ab der nächsten Nachricht antwortet hier der Standard: %s.",
	}
	unknown  = skills.Phrase{"en": "You have no model \"%s\" to choose.", "de": "Ein Modell „%s“ steht dir nicht zur Wahl."}
	valid    = skills.Phrase{"en": "There are: %s.", "de": "Es gibt: %s."}
	noChoice = skills.Phrase{
		"en": "There is nothing for you to choose from.",
		"de": "Für dich gibt es hier nichts zu wählen.",
	}
)
