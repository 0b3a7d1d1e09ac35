package main

import "github.com/parley-hub/parley/skills"

var (
	description = skills.Phrase{
		"en": "Has a group vote: everybody has one vote and may change it; who asked ends it.",
		"de": "Lässt eine Gruppe abstimmen: alle haben eine Stimme und können sie ändern; wer gefragt hat, beendet es.",
	}
	help = skills.Phrase{
		"en": "Have everybody here vote",
		"de": "Alle hier abstimmen lassen",
	}
	usage = skills.Phrase{
		"en": "Write the question and %d to %d options of at most %d characters, with semicolons between them:\n/poll What shall we eat?; Pizza; Pasta",
		"de": "Schreibe die Frage und %d bis %d Möglichkeiten von höchstens %d Zeichen, mit Strichpunkten dazwischen:\n/poll Was essen wir?; Pizza; Pasta",
	}
	endLabel = skills.Phrase{
		"en": "End the vote",
		"de": "Abstimmung beenden",
	}
	counted = skills.Phrase{
		"en": "Counted.",
		"de": "Gezählt.",
	}
	ended = skills.Phrase{
		"en": "The vote is over.",
		"de": "Die Abstimmung ist beendet.",
	}
	notYours = skills.Phrase{
		"en": "Only who began the vote can end it.",
		"de": "Nur wer die Abstimmung begonnen hat, kann sie beenden.",
	}
	gone = skills.Phrase{
		"en": "This vote is no longer there.",
		"de": "Diese Abstimmung gibt es nicht mehr.",
	}
	full = skills.Phrase{
		"en": "There are too many votes at the moment. I forget each after 30 days.",
		"de": "Es gibt gerade zu viele Abstimmungen. Ich vergesse jede nach 30 Tagen.",
	}
)
