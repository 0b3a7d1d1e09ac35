package drafts

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childTask) != "" {
		os.Exit(child())
	}
	goleak.VerifyTestMain(m)
}
