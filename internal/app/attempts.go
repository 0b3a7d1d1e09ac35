package app

import (
	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/internal/telemetry"
	"github.com/parley-hub/parley/models"
	"github.com/parley-hub/parley/models/pool"
)

// account takes in what an attempt of a model worker cost and when it began to speak, and
// counts one that failed. It does not block.
func (a *App) account(at pool.Attempt) {
	if at.Err != nil && at.Outcome != pool.Cancelled {
		a.telemetry.WorkerFailed(telemetry.WorkerFault{
			Pool: at.Pool, Worker: at.Worker, Class: fault.ClassOf(at.Err), Blame: models.Blame(at.Err).String(),
		})
	}
	if at.FirstContent > 0 {
		a.telemetry.FirstContent(at.Pool, at.Worker, at.FirstContent)
	}
	a.usage.account(at)
}
