package forget

import "github.com/parley-hub/parley/skills"

var (
	about = skills.Phrase{
		"en": "Erase all that is kept of you here",
		"de": "Alles löschen, was hier über dich gespeichert ist",
	}
	explain = skills.Phrase{
		"en": "I can erase what I keep of you: the transcript of what you said and what I answered, in groups too, and what I remember of our private conversation. It cannot be brought back. That is for:",
		"de": "Ich kann löschen, was ich über dich speichere: die Mitschrift dessen, was du gesagt und ich geantwortet habe, auch in Gruppen, und was ich von unserem privaten Gespräch weiß. Es lässt sich nicht zurückholen. Das gilt für:",
	}
	stays = skills.Phrase{
		"en": "Not erased by this: what stands in the chats themselves, what a group's own conversation remembers (/new there), copies of files (they go by themselves after some days), and the note that you asked for it.",
		"de": "Davon nicht gelöscht: was in den Chats selbst steht, woran sich das Gespräch einer Gruppe erinnert (dort /new), Kopien von Dateien (sie verschwinden nach einigen Tagen von selbst), und der Vermerk, dass du darum gebeten hast.",
	}
	sure = skills.Phrase{
		"en": "Write /forget yes to erase it.",
		"de": "Schreib /forget ja, um es zu löschen.",
	}
	sureLinked = skills.Phrase{
		"en": "Write /forget everything to unlink your accounts as well.",
		"de": "Schreib /forget alles, um auch deine Konten zu trennen.",
	}
	buttonYes    = skills.Phrase{"en": "Erase it", "de": "Löschen"}
	buttonUnlink = skills.Phrase{"en": "Erase and unlink", "de": "Löschen und trennen"}
	buttonNo     = skills.Phrase{"en": "No, keep it", "de": "Nein, behalten"}
	nothing      = skills.Phrase{
		"en": "Then I keep everything as it is.",
		"de": "Dann bleibt alles, wie es ist.",
	}
	erased = skills.Phrase{
		"en": "Erased: %d messages and answers, accounts: %d.",
		"de": "Gelöscht: %d Nachrichten und Antworten, Konten: %d.",
	}
	memory = skills.Phrase{
		"en": "Of our private conversation I remember nothing any more.",
		"de": "Von unserem privaten Gespräch weiß ich nichts mehr.",
	}
	letters = skills.Phrase{
		"en": "Messages that had failed and were kept, erased too: %d.",
		"de": "Fehlgeschlagene Nachrichten, die aufbewahrt waren, ebenfalls gelöscht: %d.",
	}
	unlinked = skills.Phrase{
		"en": "Your accounts are no longer linked.",
		"de": "Deine Konten sind nicht mehr verknüpft.",
	}
	stillLinked = skills.Phrase{
		"en": "Your accounts are still linked; /unlink changes that.",
		"de": "Deine Konten sind weiterhin verknüpft; /unlink ändert das.",
	}
)
