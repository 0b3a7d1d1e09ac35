package whoami

import (
	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/skills"
)

var (
	about = skills.Phrase{
		"en": "Show who you are to this bot",
		"de": "Zeigen, wer du für diesen Bot bist",
	}
	unknown = skills.Phrase{"en": "unknown", "de": "unbekannt"}

	labelName     = skills.Phrase{"en": "Name", "de": "Name"}
	labelUser     = skills.Phrase{"en": "User id", "de": "Nutzer-ID"}
	labelAccount  = skills.Phrase{"en": "Reached through", "de": "Erreicht über"}
	labelRole     = skills.Phrase{"en": "Role", "de": "Rolle"}
	labelPlace    = skills.Phrase{"en": "Place", "de": "Ort"}
	labelPerson   = skills.Phrase{"en": "Person", "de": "Person"}
	labelLanguage = skills.Phrase{"en": "Language", "de": "Sprache"}

	roles = map[skills.Role]skills.Phrase{
		skills.User:  {"en": "user", "de": "Nutzer"},
		skills.Admin: {"en": "admin", "de": "Admin"},
	}
	places = map[core.Place]skills.Phrase{
		core.Private: {"en": "private chat", "de": "privater Chat"},
		core.Group:   {"en": "group", "de": "Gruppe"},
	}
)
