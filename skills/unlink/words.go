package unlink

import "github.com/parley-hub/parley/skills"

var (
	about = skills.Phrase{
		"en": "Take one of your linked accounts away",
		"de": "Eines deiner verknüpften Konten wegnehmen",
	}
	which = skills.Phrase{
		"en": "Which account is to go?",
		"de": "Welches Konto soll weg?",
	}
	thisOne = skills.Phrase{"en": "(this one)", "de": "(dieses)"}
	how     = skills.Phrase{
		"en": "Write /unlink and its number, or /unlink this. The others keep our conversation.",
		"de": "Schreib /unlink und die Nummer, oder /unlink dieses. Die anderen behalten unser Gespräch.",
	}
	alone = skills.Phrase{
		"en": "This account is linked with no other one. /link changes that.",
		"de": "Dieses Konto ist mit keinem anderen verknüpft. Mit /link geht das.",
	}
	unknown = skills.Phrase{
		"en": "You have no such account.",
		"de": "Ein solches Konto hast du nicht.",
	}
	leftHere = skills.Phrase{
		"en": "Done: this account is on its own now, and I remember nothing of our conversation here any more. It goes on with %s.",
		"de": "Erledigt: Dieses Konto steht jetzt für sich, und von unserem Gespräch weiß ich hier nichts mehr. Es geht weiter mit %s.",
	}
	leftThere = skills.Phrase{
		"en": "Done: %s is on its own now. Our conversation goes on with %s.",
		"de": "Erledigt: %s steht jetzt für sich. Unser Gespräch geht weiter mit %s.",
	}
	wasTaken = skills.Phrase{
		"en": "This account is no longer linked: %s took the link away. What we said together I no longer remember here.",
		"de": "Dieses Konto ist nicht mehr verknüpft: %s hat die Verknüpfung gelöst. Was wir gemeinsam gesagt haben, weiß ich hier nicht mehr.",
	}
)
