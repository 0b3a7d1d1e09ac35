package openaichat_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/openaichat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(tb testing.TB, o openaichat.Options) *openaichat.Client {
	tb.Helper()
	c, err := openaichat.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestSuite(t *testing.T) {
	modeltest.Suite(t, modeltest.Harness{New: func(t *testing.T, s modeltest.Setup) models.Client {
		return newClient(t, openaichat.Options{
			Base: s.Base, Key: secret.New(s.Key), HTTP: s.HTTP, Worker: "w1", FirstContent: s.FirstContent, Idle: s.Idle,
		})
	}})
}
