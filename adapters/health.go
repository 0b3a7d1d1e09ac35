package adapters

import (
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/fault"
)

// State is how an account's receiver is.
type State string

// The states of a receiver.
const (
	// StateStarting: nothing came in yet and nothing failed yet.
	StateStarting State = "starting"
	// StateHealthy: it receives.
	StateHealthy State = "healthy"
	// StateStandby: another node receives; this one takes over when it must.
	StateStandby State = "standby"
	// StateHealing: it failed and will probably heal by itself.
	StateHealing State = "healing"
	// StateNeedsHuman: it will not heal before somebody acts; Health.Text says what
	// to do.
	StateNeedsHuman State = "needs_human"
	// StateFatal: it fails the same way each time, or there is a bug in it.
	StateFatal State = "fatal"
)

// The codes of Health that are not the name of a fault class.
const (
	CodeStarting = "starting"
	CodeHealthy  = "healthy"
	CodeStandby  = "standby"
	// CodeStopped: the receiver ended without a reason while it should have run.
	CodeStopped = "stopped"
	// CodePanic: the receiver panicked.
	CodePanic = "panic"
)

// Health is the state of one account, for the console, for metrics and for the
// readiness check.
type Health struct {
	Account  core.Account
	Platform string
	State    State
	// Code is stable and has few values: a class of core/fault or one of the codes
	// of this package.
	Code string
	// Text says to a person what is wrong and what to do, or which node receives; empty
	// while all is well.
	Text string
	// Since is when this state began.
	Since time.Time
}

// rank orders states by how much they need to be seen.
func (s State) rank() int {
	return slices.Index([]State{StateStandby, StateHealthy, StateStarting, StateHealing, StateNeedsHuman, StateFatal}, s)
}

// Up tells whether messages of the account come in, here or on another node.
func (h Health) Up() bool { return h.State == StateHealthy || h.State == StateStandby }

// health keeps the state and logs each change once.
type health struct {
	log     zerolog.Logger
	mu      sync.Mutex
	current Health
}

func (h *health) get() Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.current
}

// set goes to a new state. The same state and code again changes only the text.
// err is the reason, for the log.
func (h *health) set(state State, code, text string, err error) {
	h.mu.Lock()
	changed := h.current.State != state || h.current.Code != code
	h.current.State, h.current.Code, h.current.Text = state, code, text
	if changed {
		h.current.Since = time.Now()
	}
	h.mu.Unlock()
	if !changed {
		return
	}
	level := zerolog.InfoLevel
	switch state {
	case StateHealing:
		level = zerolog.WarnLevel
	case StateNeedsHuman, StateFatal:
		level = zerolog.ErrorLevel
	case StateStarting, StateHealthy, StateStandby:
	}
	h.log.WithLevel(level).Err(err).Str("state", string(state)).Str("code", code).Str("ref", fault.Ref(err)).
		Msg("receiver changed its state")
}
