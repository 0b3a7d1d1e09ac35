package telemetry

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// The formats of the log.
const (
	// FormatJSON writes one JSON object a line.
	FormatJSON = "json"
	// FormatText writes lines for people to read.
	FormatText = "text"
)

// timeLayout is RFC 3339 with milliseconds: a turn has many steps in one second.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// LogOptions say what the log looks like. Empty fields mean level info, format
// json, written to standard error.
type LogOptions struct {
	// Level is trace, debug, info, warn, error or disabled.
	Level string
	// Format is FormatJSON or FormatText.
	Format string
	// Writer takes the lines; it is called by many goroutines and must allow that.
	Writer io.Writer
}

// NewLogger makes the root logger. The error names the wrong option.
func NewLogger(o LogOptions) (zerolog.Logger, error) {
	level := zerolog.InfoLevel
	if o.Level != "" {
		parsed, err := zerolog.ParseLevel(o.Level)
		if err != nil {
			return zerolog.Nop(), fmt.Errorf("log level %q: want trace, debug, info, warn, error or disabled", o.Level)
		}
		level = parsed
	}
	w := o.Writer
	if w == nil {
		w = os.Stderr
	}
	switch o.Format {
	case "", FormatJSON:
	case FormatText:
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05.000", NoColor: !isTerminal(w)}
	default:
		return zerolog.Nop(), fmt.Errorf("log format %q: want %s or %s", o.Format, FormatJSON, FormatText)
	}
	stamp := zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) {
		e.Str(zerolog.TimestampFieldName, time.Now().UTC().Format(timeLayout))
	})
	return zerolog.New(w).Level(level).Hook(stamp), nil
}

// isTerminal tells whether colours make sense; NO_COLOR (no-color.org) turns them off.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
