package tour

import "github.com/parley-hub/parley/skills"

var (
	about = skills.Phrase{
		"en": "Show what this platform makes of rich answers",
		"de": "Zeigen, was diese Plattform aus reichen Antworten macht",
	}
	showcase = skills.Phrase{
		"en": "## The same answer everywhere\n\n" +
			"Models write Markdown. Each platform shows it in **its own way**: *italic*, ~~struck~~, `code`, [links](https://example.org/docs) and lists:\n\n" +
			"1. text is split where it is too long\n2. nothing is cut\n   - not even a fence\n\n" +
			"> A quotation stays a quotation.\n\n" +
			"```python\nfor platform in platforms:\n    print(platform, \"answers\")\n```\n\n" +
			"| An answer | grows by |\n|---|---|\n| here | drafts |\n| there | edits |\n\n" +
			"What would you like to see?",
		"de": "## Überall dieselbe Antwort\n\n" +
			"Modelle schreiben Markdown. Jede Plattform zeigt es **auf ihre Art**: *kursiv*, ~~gestrichen~~, `Code`, [Links](https://example.org/docs) und Listen:\n\n" +
			"1. zu langer Text wird geteilt\n2. nichts wird abgeschnitten\n   - auch kein Code\n\n" +
			"> Ein Zitat bleibt ein Zitat.\n\n" +
			"```python\nfor platform in platforms:\n    print(platform, \"answers\")\n```\n\n" +
			"| Eine Antwort | wächst durch |\n|---|---|\n| hier | Entwürfe |\n| dort | Änderungen |\n\n" +
			"Was möchtest du sehen?",
	}
	longLabel    = skills.Phrase{"en": "A long answer", "de": "Eine lange Antwort"}
	choicesLabel = skills.Phrase{"en": "Choices", "de": "Auswahl"}
	pictureLabel = skills.Phrase{"en": "A picture", "de": "Ein Bild"}
	chapter      = skills.Phrase{
		"en": "**A long answer.** On the last rock before the open sea stood a lighthouse whose keeper wrote letters to every ship that passed. " +
			"He counted the words, because a bottle takes only so many; and when a letter was too long for one bottle he took a second, and numbered neither: " +
			"whoever found the first would wait for the next. No letter was ever cut in the middle of a word, and none was sent twice, " +
			"for the keeper kept a book of what the sea had taken and looked into it whenever he was not sure.",
		"de": "**Eine lange Antwort.** Auf dem letzten Felsen vor dem offenen Meer stand ein Leuchtturm, dessen Wärter jedem Schiff Briefe schrieb. " +
			"Er zählte die Wörter, denn in eine Flasche passen nur so viele; war ein Brief zu lang für eine, nahm er eine zweite und nummerierte keine: " +
			"wer die erste fand, wartete auf die nächste. Kein Brief wurde je mitten im Wort getrennt und keiner zweimal geschickt, " +
			"denn der Wärter führte Buch über das, was die See genommen hatte, und sah nach, wenn er nicht sicher war.",
	}
	end          = skills.Phrase{"en": "*That was all of it.*", "de": "*Das war alles.*"}
	question     = skills.Phrase{"en": "Which tea would you like?", "de": "Welchen Tee möchtest du?"}
	teas         = skills.Phrase{"en": "Assam,Darjeeling,Earl Grey,Rooibos,Peppermint", "de": "Assam,Darjeeling,Earl Grey,Rooibos,Pfefferminze"}
	chosen       = skills.Phrase{"en": "it is.", "de": "also."}
	yours        = skills.Phrase{"en": "Here it is again, from the bot:", "de": "Hier ist es noch einmal, vom Bot:"}
	gone         = skills.Phrase{"en": "The platform does not give this file any more.", "de": "Die Plattform gibt diese Datei nicht mehr her."}
	pictureWords = skills.Phrase{"en": "A picture the bot drew", "de": "Ein Bild, das der Bot gemalt hat"}
)
