package plugin

import (
	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
)

// library takes what go-plugin itself has to say. What it would copy there from a program's
// own output goes nowhere: nobody knows whose words it holds.
type library struct {
	hclog.Logger
	log zerolog.Logger
}

func newLibrary(log zerolog.Logger) hclog.Logger { return library{hclog.NewNullLogger(), log} }

// Warn implements hclog.Logger. Values are left out.
func (l library) Warn(msg string, _ ...any) { l.log.Debug().Str("library", "go-plugin").Msg(msg) }

// Error implements hclog.Logger.
func (l library) Error(msg string, args ...any) { l.Warn(msg, args...) }

// Named implements hclog.Logger: named loggers are those of a program's output.
func (l library) Named(string) hclog.Logger { return deaf{hclog.NewNullLogger()} }

// deaf says that it takes nothing, so that nothing is parsed for it.
type deaf struct{ hclog.Logger }

// GetLevel implements hclog.Logger.
func (deaf) GetLevel() hclog.Level { return hclog.Off }
