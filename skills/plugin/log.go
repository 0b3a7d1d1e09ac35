package plugin

import (
	"sync"

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

// maxTail is how much of a program's last words is kept, in bytes.
const maxTail = 4 << 10

// tail keeps the end of what a program wrote to its standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - maxTail; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
