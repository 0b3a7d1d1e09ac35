package main

import "github.com/parley-hub/parley/skills"

var (
	description = skills.Phrase{
		"en": "Keeps short notes for each person, in private chats.",
		"de": "Bewahrt für jede Person kurze Notizen auf, in privaten Chats.",
	}
	noteHelp = skills.Phrase{
		"en": "Keep a note",
		"de": "Eine Notiz aufbewahren",
	}
	notesHelp = skills.Phrase{
		"en": "List, search or delete your notes",
		"de": "Deine Notizen auflisten, durchsuchen oder löschen",
	}
	usage = skills.Phrase{
		"en": "/note milk and bread – keeps a note\n/notes – lists them\n/notes search milk – finds some\n/notes delete – asks which one to delete",
		"de": "/note Milch und Brot – bewahrt eine Notiz auf\n/notes – listet sie auf\n/notes search Milch – findet welche\n/notes delete – fragt, welche gelöscht werden soll",
	}
	whatNote = skills.Phrase{
		"en": "What shall I note?",
		"de": "Was soll ich notieren?",
	}
	noText = skills.Phrase{
		"en": "I can only note words.",
		"de": "Ich kann nur Worte notieren.",
	}
	noted = skills.Phrase{
		"en": "Noted.",
		"de": "Notiert.",
	}
	tooLong = skills.Phrase{
		"en": "A note has at most %d characters.",
		"de": "Eine Notiz hat höchstens %d Zeichen.",
	}
	full = skills.Phrase{
		"en": "Your notes are full: I keep %d kilobytes for you. Delete some with /notes delete.",
		"de": "Deine Notizen sind voll: Ich bewahre %d Kilobyte für dich auf. Lösche welche mit /notes delete.",
	}
	empty = skills.Phrase{
		"en": "You have no notes. /note milk and bread keeps one.",
		"de": "Du hast keine Notizen. /note Milch und Brot bewahrt eine auf.",
	}
	none = skills.Phrase{
		"en": "There is no note with these words.",
		"de": "Es gibt keine Notiz mit diesen Worten.",
	}
	andMore = skills.Phrase{
		"en": "… and %d older ones; /notes search finds them.",
		"de": "… und %d ältere; /notes search findet sie.",
	}
	which = skills.Phrase{
		"en": "Which one shall I delete? Its number is enough.",
		"de": "Welche soll ich löschen? Die Nummer genügt.",
	}
	noNumber = skills.Phrase{
		"en": "That is none of the numbers. I deleted nothing.",
		"de": "Das ist keine der Nummern. Ich habe nichts gelöscht.",
	}
	deleted = skills.Phrase{
		"en": "Deleted.",
		"de": "Gelöscht.",
	}
)
