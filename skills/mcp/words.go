package mcp

import "github.com/parley-hub/parley/skills"

var (
	notReached = skills.Phrase{
		"en": "The server of this tool cannot be reached at the moment.",
		"de": "Der Server dieses Werkzeugs ist gerade nicht erreichbar.",
	}
	noAnswer = skills.Phrase{
		"en": "The server of this tool did not answer in time. Whether it did what it was asked is not known.",
		"de": "Der Server dieses Werkzeugs hat nicht rechtzeitig geantwortet. Ob er getan hat, worum er gebeten wurde, ist nicht bekannt.",
	}
	brokeOff = skills.Phrase{
		"en": "The server of this tool broke off. Whether it did what it was asked is not known.",
		"de": "Der Server dieses Werkzeugs ist abgebrochen. Ob er getan hat, worum er gebeten wurde, ist nicht bekannt.",
	}
	tooMuch = skills.Phrase{
		"en": "The server of this tool answered with more than it may.",
		"de": "Der Server dieses Werkzeugs hat mit mehr geantwortet, als er darf.",
	}
	otherTool = skills.Phrase{
		"en": "This tool has changed meanwhile and was not called. Please try again.",
		"de": "Dieses Werkzeug hat sich inzwischen geändert und wurde nicht aufgerufen. Bitte versuche es noch einmal.",
	}
	refusedCall = skills.Phrase{
		"en": "The server of this tool refused the call.",
		"de": "Der Server dieses Werkzeugs hat den Aufruf abgelehnt.",
	}
	wantsMore = skills.Phrase{
		"en": "The server of this tool wanted something first that it does not get here.",
		"de": "Der Server dieses Werkzeugs wollte zuerst etwas, das er hier nicht bekommt.",
	}
	failed = skills.Phrase{
		"en": "The tool failed.",
		"de": "Das Werkzeug ist gescheitert.",
	}
	done = skills.Phrase{
		"en": "Done.",
		"de": "Erledigt.",
	}
	cutOff = skills.Phrase{
		"en": "[The rest is left out: it was too long.]",
		"de": "[Der Rest fehlt: Er war zu lang.]",
	}
	filesLeftOut = skills.Phrase{
		"en": "[Further files are left out: there were too many.]",
		"de": "[Weitere Dateien fehlen: Es waren zu viele.]",
	}
	forModels = skills.Phrase{
		"en": "These are tools that I use while I answer. Just tell me what you need:",
		"de": "Das sind Werkzeuge, die ich beim Antworten benutze. Sag mir einfach, was du brauchst:",
	}
	noTools = skills.Phrase{
		"en": "There are tools here that I use while I answer, and none of them can be reached at the moment.",
		"de": "Hier gibt es Werkzeuge, die ich beim Antworten benutze, und keines davon ist gerade erreichbar.",
	}
)
