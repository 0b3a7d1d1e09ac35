package plugin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/skills/plugin/protocol"
	"github.com/parley-hub/parley/skills/sdk"
)

// The test's own binary is each of the programs: which one, its file's name says.
func TestMain(m *testing.M) {
	if os.Getenv(protocol.Handshake.MagicCookieKey) != "" {
		name, _, _ := strings.Cut(filepath.Base(os.Args[0]), "-")
		program(name)
	}
	goleak.VerifyTestMain(m)
}

func program(name string) {
	if s, ok := programs[name]; ok {
		sdk.Main(s)
	}
	rough(name)
}
