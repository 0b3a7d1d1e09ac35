package app_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/internal/app"
	"github.com/parley-hub/parley/internal/jail"
)

func TestMain(m *testing.M) {
	jail.Main()
	if os.Getenv("PARLEY_SKILL") != "" {
		app.Program() // this binary lies in a skills' folder of a test
	}
	goleak.VerifyTestMain(m)
}
