package newchat

import "github.com/parley-hub/parley/skills"

var (
	about = skills.Phrase{
		"en": "Forget this conversation and begin anew",
		"de": "Dieses Gespräch vergessen und neu beginnen",
	}
	cleared = skills.Phrase{
		"en": "Done: I have forgotten what we said. What is next?",
		"de": "Erledigt: Ich habe vergessen, was wir gesagt haben. Womit geht es weiter?",
	}
	clearedWithText = skills.Phrase{
		"en": "Done: I have forgotten what we said. Now send your message once more, without the command.",
		"de": "Erledigt: Ich habe vergessen, was wir gesagt haben. Sende deine Nachricht jetzt noch einmal ohne den Befehl.",
	}
)
