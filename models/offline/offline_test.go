package offline_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/modeltest"
	"github.com/parley-hub/parley/models/offline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSaysSo(t *testing.T) {
	working := []string{"/help"}
	c := offline.New(func() []string { return working }, 0)
	res := modeltest.Collect(t, t.Context(), c, modeltest.Ask("what is the capital of France?"))
	if res.Err != nil || res.Last.Finish != models.FinishStop || res.Last.Model != offline.Name || res.Last.Worker != offline.Name {
		t.Errorf("%+v", res)
	}
	for _, word := range []string{"No model worker", "pools:", "/help"} {
		if !strings.Contains(res.Text, word) {
			t.Errorf("%q is missing in %q", word, res.Text)
		}
	}
	working = append(working, "/status")
	if res := modeltest.Collect(t, t.Context(), c, modeltest.Ask("and now?")); !strings.Contains(res.Text, "/help, /status") {
		t.Errorf("a new skill is missing in %q", res.Text)
	}
}

func TestWithoutSkills(t *testing.T) {
	for _, skills := range []func() []string{nil, func() []string { return nil }} {
		if res := modeltest.Collect(t, t.Context(), offline.New(skills, 0), models.Request{}); strings.Contains(res.Text, "works without") {
			t.Errorf("promises nothing: %q", res.Text)
		}
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if res := modeltest.Collect(t, ctx, offline.New(nil, 0), models.Request{}); fault.ClassOf(res.Err) != fault.Retryable {
		t.Errorf("%v", res.Err)
	}
	for range offline.New(nil, 0).Chat(t.Context(), models.Request{}) {
		break
	}
}

// With a pace the same text comes word by word.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		res := modeltest.Collect(t, t.Context(), offline.New(nil, time.Second), models.Request{})
		whole := modeltest.Collect(t, t.Context(), offline.New(nil, 0), models.Request{})
		if res.Text != whole.Text || res.Deltas < 30 || time.Since(began) < 30*time.Second {
			t.Errorf("%d pieces in %v: %q", res.Deltas, time.Since(began), res.Text)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if res := modeltest.Collect(t, ctx, offline.New(nil, time.Second), models.Request{}); fault.ClassOf(res.Err) != fault.Retryable {
			t.Errorf("cancelled: %v", res.Err)
		}
	})
}
