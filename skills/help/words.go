package help

import "github.com/parley-hub/parley/skills"

var (
	about = skills.Phrase{
		"en": "Show what you can do here",
		"de": "Zeigen, was hier möglich ist",
	}
	heading = skills.Phrase{
		"en": "You can use:",
		"de": "Das kannst du benutzen:",
	}
	justWrite = skills.Phrase{
		"en": "Anything else you write is answered too.",
		"de": "Auf alles andere, was du schreibst, antworte ich auch.",
	}
)
