//go:build !nowhatsmeow

package web

import (
	"fmt"
	"regexp"

	"github.com/rs/zerolog"
	waLog "go.mau.fi/whatsmeow/util/log"
)

// quiet is whatsmeow's log in ours. What it writes holds people's numbers, keys, QR
// codes and whole messages, so of what it fills in only plain numbers are kept, and of
// errors what is no long word. Its debug lines are whole messages and are dropped.
// What matters of it is said again by our own faults, hence the low levels.
type quiet struct {
	log zerolog.Logger
}

var _ waLog.Logger = quiet{}

// Warnf implements waLog.Logger.
func (q quiet) Warnf(msg string, args ...any) { q.write(q.log.Debug(), msg, args) }

// Errorf implements waLog.Logger.
func (q quiet) Errorf(msg string, args ...any) { q.write(q.log.Warn(), msg, args) }

// Infof implements waLog.Logger.
func (q quiet) Infof(msg string, args ...any) { q.write(q.log.Debug(), msg, args) }

// Debugf implements waLog.Logger.
func (quiet) Debugf(string, ...any) {}

// Sub implements waLog.Logger.
func (q quiet) Sub(module string) waLog.Logger {
	return quiet{q.log.With().Str("whatsmeow", module).Logger()}
}

func (quiet) write(e *zerolog.Event, msg string, args []any) {
	if !e.Enabled() {
		return
	}
	clean := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case int, uint16, uint32, bool, fmt.Stringer:
			clean[i] = redact(fmt.Sprint(v))
		case error:
			clean[i] = redact(v.Error())
		default:
			clean[i] = hidden
		}
	}
	e.Msg(verbs.ReplaceAllStringFunc(msg, func(string) string {
		if len(clean) == 0 {
			return hidden
		}
		shown, ok := clean[0].(string)
		clean = clean[1:]
		if !ok {
			return hidden
		}
		return shown
	}))
}

const hidden = "…"

var (
	verbs = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)
	// What may name a person or be a key: long runs of digits, words with a digit that
	// are longer than any that people write.
	names = regexp.MustCompile(`[0-9][0-9.:_-]{4,}|[A-Za-z0-9+/=_-]{24,}|<[^>]*>|\{.*\}`)
)

// redact leaves out of a text what may be secret or name a person.
func redact(text string) string {
	const most = 300
	text = names.ReplaceAllString(text, hidden)
	if len(text) > most {
		text = text[:most] + hidden
	}
	return text
}
