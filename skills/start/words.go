package start

import "github.com/parley-hub/parley/skills"

var (
	about = skills.Phrase{
		"en": "Say hello and see what this bot is",
		"de": "Hallo sagen und sehen, was dieser Bot ist",
	}
	hello = skills.Phrase{
		"en": "Hello! I am a bot.",
		"de": "Hallo! Ich bin ein Bot.",
	}
	what = skills.Phrase{
		"en": "Write to me as you would to a person; I answer with the help of a language model and can be wrong.",
		"de": "Schreib mir wie einem Menschen; ich antworte mit Hilfe eines Sprachmodells und kann mich irren.",
	}
	few = skills.Phrase{
		"en": "A few commands:",
		"de": "Ein paar Befehle:",
	}
)
