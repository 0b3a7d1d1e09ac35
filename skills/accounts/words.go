package accounts

import "github.com/parley-hub/parley/skills"

var (
	about = skills.Phrase{
		"en": "Show which of your accounts are linked",
		"de": "Zeigen, welche deiner Konten verknüpft sind",
	}
	alone = skills.Phrase{
		"en": "I know you by this account only. /link adds another one.",
		"de": "Ich kenne dich nur unter diesem Konto. /link fügt ein anderes hinzu.",
	}
	yours     = skills.Phrase{"en": "These accounts are one person for me:", "de": "Diese Konten sind für mich eine Person:"}
	thisOne   = skills.Phrase{"en": "(this one)", "de": "(dieses)"}
	preferred = skills.Phrase{"en": "(where you want to be reached)", "de": "(wo du erreicht werden willst)"}
	more      = skills.Phrase{
		"en": "/link adds one, /unlink takes one away, /reach_me_on says where I reach you.",
		"de": "/link fügt eines hinzu, /unlink nimmt eines weg, /reach_me_on sagt, wo ich dich erreiche.",
	}
)
