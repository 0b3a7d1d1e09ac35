package plugin

import "github.com/parley-hub/parley/skills"

var (
	broke = skills.Phrase{
		"en": "This skill broke off. Please try again.",
		"de": "Diese Fähigkeit ist abgebrochen. Bitte versuche es noch einmal.",
	}
	notThere = skills.Phrase{
		"en": "This skill is not available at the moment.",
		"de": "Diese Fähigkeit ist gerade nicht verfügbar.",
	}
	tooMuch = skills.Phrase{
		"en": "This skill wanted to do more than it may.",
		"de": "Diese Fähigkeit wollte mehr tun, als sie darf.",
	}
)
