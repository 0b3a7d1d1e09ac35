package skills

import (
	"fmt"
	"time"
)

var (
	tooManyMessages = Phrase{
		"en": "You have reached the limit of messages here (%d in %s). You can write again in %s; until then I do not answer.",
		"de": "Du hast die Grenze für Nachrichten erreicht (%d in %s). In %s kannst du wieder schreiben; bis dahin antworte ich nicht.",
	}
	tooMuchText = Phrase{
		"en": "Your message has %d characters; I read up to %d. Please send less.",
		"de": "Deine Nachricht hat %d Zeichen; ich lese bis zu %d. Bitte sende weniger.",
	}
)

// sayDuration rounds a duration up to a whole number of hours, minutes or seconds:
// the largest unit of which there are at least two, or exactly one. It is never
// less than a second.
func sayDuration(d time.Duration) string {
	d = max(d, time.Second)
	for _, u := range []struct {
		size   time.Duration
		symbol string
	}{{time.Hour, "h"}, {time.Minute, "min"}} {
		if d == u.size || d >= 2*u.size {
			return fmt.Sprintf("%d %s", (d+u.size-1)/u.size, u.symbol)
		}
	}
	return fmt.Sprintf("%d s", (d+time.Second-1)/time.Second)
}
