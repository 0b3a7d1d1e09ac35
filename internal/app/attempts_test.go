package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/pool"
)

// TestAttemptsAreCounted: what goes wrong at a worker is counted, by class and by who is to
// blame, also where the person was answered; a caller that left is no failure. When a worker
// began to speak is told whatever came of it.
func TestAttemptsAreCounted(t *testing.T) {
	a := &App{telemetry: telemetry.New(telemetry.Options{}), usage: newUsages(priced(), openRecords(t, t.TempDir()), time.Second, zerolog.Nop())}
	failed := func(outcome pool.Outcome, err error) pool.Attempt {
		at := answered("p", 10)
		at.Outcome, at.Err = outcome, err
		return at
	}
	lie := fault.New(fault.Retryable, "chat", models.ErrWrongModel)
	spoke := answered("p", 10)
	spoke.FirstContent = 200 * time.Millisecond
	spend(t, a.usage, func() {
		a.account(answered("p", 10))
		a.account(spoke)
		a.account(failed(pool.RetryWaste, lie))
		a.account(failed(pool.Served, lie)) // another worker took the answer up
		a.account(failed(pool.Cancelled, lie))
		a.account(failed(pool.RetryWaste, fault.New(fault.Permanent, "chat", models.ErrOverflow)))
		a.account(failed(pool.RetryWaste, fault.New(fault.NeedsHuman, "chat", errors.New("status 401"))))
		a.account(failed(pool.RetryWaste, fault.New(fault.Retryable, "chat", models.Blamed(models.BlameNobody, models.ErrBadCall))))
	})
	w := httptest.NewRecorder()
	a.telemetry.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`parley_worker_faults_total{blame="worker",class="retryable",pool="main",worker="gpu"} 2`,
		`parley_worker_first_content_seconds_count{pool="main",worker="gpu"} 1`,
		`parley_worker_first_content_seconds_bucket{pool="main",worker="gpu",le="0.25"} 1`,
		`parley_worker_first_content_seconds_bucket{pool="main",worker="gpu",le="0.1"} 0`,
		`parley_worker_faults_total{blame="request",class="permanent",pool="main",worker="gpu"} 1`,
		`parley_worker_faults_total{blame="nobody",class="needs_human",pool="main",worker="gpu"} 1`,
		`parley_worker_faults_total{blame="nobody",class="retryable",pool="main",worker="gpu"} 1`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if n := strings.Count(w.Body.String(), "parley_worker_faults_total{"); n != 4 {
		t.Errorf("%d series, want 4", n)
	}
}
