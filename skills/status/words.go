package status

import "github.com/parley-hub/parley/skills"

var (
	about = skills.Phrase{
		"en": "Show whether the bot and its models are well",
		"de": "Zeigen, ob es dem Bot und seinen Modellen gut geht",
	}
	up = skills.Phrase{
		"en": "I am up. Version %s, running for %s.",
		"de": "Ich laufe. Version %s, seit %s.",
	}
	noPools = skills.Phrase{
		"en": "No model is configured.",
		"de": "Es ist kein Modell eingerichtet.",
	}
	model = skills.Phrase{
		"en": "Model %s: %s",
		"de": "Modell %s: %s",
	}
	reachable     = skills.Phrase{"en": "reachable", "de": "erreichbar"}
	unreachable   = skills.Phrase{"en": "not reachable", "de": "nicht erreichbar"}
	moreInPrivate = skills.Phrase{
		"en": "Ask me in private for more.",
		"de": "Mehr dazu im privaten Chat.",
	}
	titleQueues = skills.Phrase{"en": "Queues:", "de": "Warteschlangen:"}
	queueRow    = skills.Phrase{
		"en": "%s: %d ready, %d in work, %d delayed, %d dead; oldest waits %s",
		"de": "%s: %d bereit, %d in Arbeit, %d aufgeschoben, %d tot; älteste wartet %s",
	}
	titleWorkers = skills.Phrase{"en": "Workers:", "de": "Worker:"}
	workerRow    = skills.Phrase{
		"en": "%s (%s): %s, %d requests",
		"de": "%s (%s): %s, %d Anfragen",
	}
	titleAccounts = skills.Phrase{"en": "Accounts:", "de": "Konten:"}
	healthy       = skills.Phrase{"en": "well", "de": "in Ordnung"}
	unhealthy     = skills.Phrase{"en": "not well", "de": "gestört"}
	andMore       = skills.Phrase{"en": "and %d more", "de": "und %d weitere"}
)
