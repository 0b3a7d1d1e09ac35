package link

import "github.com/parley-hub/parley/skills"

var (
	about = skills.Phrase{
		"en": "Link your accounts: one conversation on every platform",
		"de": "Deine Konten verknüpfen: ein Gespräch auf jeder Plattform",
	}
	onlyPrivate = skills.Phrase{
		"en": "Accounts are linked in a private chat with me, never in a group. Write /link to me there.",
		"de": "Konten werden in einem privaten Chat mit mir verknüpft, nie in einer Gruppe. Schreib mir dort /link.",
	}
	codeInGroup = skills.Phrase{
		"en": "Others can read this, so I did not use the code, and it is no longer valid. Write /link to me in a private chat for a new one.",
		"de": "Hier lesen andere mit, deshalb habe ich den Code nicht benutzt, und er gilt nicht mehr. Schreib mir in einem privaten Chat /link für einen neuen.",
	}
	// The code stands alone in its line, so that it is easily copied.
	shown = skills.Phrase{
		"en": "To link another account with this one, write this to me there, in a private chat, within %d minutes:\n\n/link %s\n\nThe two are then one person for me.",
		"de": "Um ein anderes Konto mit diesem zu verknüpfen, schreib mir dort innerhalb von %d Minuten in einem privaten Chat:\n\n/link %s\n\nBeide sind dann für mich eine Person.",
	}
	one = skills.Phrase{
		"en": "What we say in private is one conversation there and here.",
		"de": "Was wir privat sagen, ist dort und hier ein Gespräch.",
	}
	orOpen = skills.Phrase{
		"en": "Or open one of these there:",
		"de": "Oder öffne dort einen dieser Links:",
	}
	invited = skills.Phrase{
		"en": "This link makes your account here and the one that it was made for one person for me.",
		"de": "Dieser Link macht dein Konto hier und das, für das er gemacht wurde, für mich zu einer Person.",
	}
	reads = skills.Phrase{
		"en": "What we said in private here can then be read there.",
		"de": "Was wir hier privat gesagt haben, ist dann dort zu lesen.",
	}
	ifYou = skills.Phrase{
		"en": "Only go on if you made it yourself a moment ago, with /link.",
		"de": "Mach nur weiter, wenn du ihn eben selbst mit /link gemacht hast.",
	}
	yes    = skills.Phrase{"en": "Link my accounts", "de": "Meine Konten verknüpfen"}
	secret = skills.Phrase{
		"en": "Give the code to nobody: who uses it is you for me.",
		"de": "Gib den Code niemandem: Wer ihn benutzt, ist für mich du.",
	}
	done = skills.Phrase{
		"en": "Linked: this account and %s are one person for me now.",
		"de": "Verknüpft: Dieses Konto und %s sind für mich jetzt eine Person.",
	}
	used = skills.Phrase{
		"en": "The code that I showed you was used: %s is linked with this account now.",
		"de": "Der Code, den ich dir gezeigt habe, wurde benutzt: %s ist jetzt mit diesem Konto verknüpft.",
	}
	notYou = skills.Phrase{
		"en": "Was that not you? Write /unlink.",
		"de": "Warst du das nicht? Schreib /unlink.",
	}
	already = skills.Phrase{
		"en": "These accounts are linked already.",
		"de": "Diese Konten sind schon verknüpft.",
	}
	same = skills.Phrase{
		"en": "This is the account that I showed the code to. Write it to me on the other platform.",
		"de": "Das ist das Konto, dem ich den Code gezeigt habe. Schreib ihn mir auf der anderen Plattform.",
	}
	wrong = skills.Phrase{
		"en": "There is no such code, or it is no longer valid. Write /link on the other platform for a new one. Tries left: %d.",
		"de": "Diesen Code gibt es nicht, oder er gilt nicht mehr. Schreib auf der anderen Plattform /link für einen neuen. Noch %d Versuche.",
	}
	tooManyTries = skills.Phrase{
		"en": "Those were too many wrong codes. I take none from this account for %d minutes.",
		"de": "Das waren zu viele falsche Codes. Von diesem Konto nehme ich %d Minuten lang keinen an.",
	}
	tooManyCodes = skills.Phrase{
		"en": "You asked for many codes. I can show you the next one in %d minutes.",
		"de": "Du hast nach vielen Codes gefragt. Den nächsten kann ich dir in %d Minuten zeigen.",
	}
	yours = skills.Phrase{"en": "Your accounts:", "de": "Deine Konten:"}
	undo  = skills.Phrase{"en": "/unlink takes one away.", "de": "/unlink nimmt eines weg."}
)
