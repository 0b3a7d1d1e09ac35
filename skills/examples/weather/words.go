package main

import "github.com/parley-hub/parley/skills"

var (
	description = skills.Phrase{
		"en": "Tells the weather of a city now and in the next 24 hours.",
		"de": "Sagt, wie das Wetter in einer Stadt ist und in den nächsten 24 Stunden wird.",
	}
	help = skills.Phrase{
		"en": "The weather in a city",
		"de": "Das Wetter in einer Stadt",
	}
	usage = skills.Phrase{
		"en": "Write /weather and a city.",
		"de": "Schreibe /weather und eine Stadt.",
	}
	told = skills.Phrase{
		"en": "%s: %.0f °%s, %s, humidity %d %%. In the next 24 hours %.0f to %.0f °%s.",
		"de": "%s: %.0f °%s, %s, Luftfeuchte %d %%. In den nächsten 24 Stunden %.0f bis %.0f °%s.",
	}
	noCity = skills.Phrase{
		"en": "I found no city called “%s”.",
		"de": "Ich habe keine Stadt namens „%s“ gefunden.",
	}
	out = skills.Phrase{
		"en": "The weather service does not answer at the moment. Please try again later.",
		"de": "Der Wetterdienst antwortet gerade nicht. Bitte versuche es später noch einmal.",
	}
	refused = skills.Phrase{
		"en": "The weather service does not let me in. Whoever runs this bot has to look at it.",
		"de": "Der Wetterdienst lässt mich nicht hinein. Wer diesen Bot betreibt, muss danach sehen.",
	}
)
