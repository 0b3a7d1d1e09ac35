package console

import (
	"context"
	"time"
)

// Journeys knows the paths of the last messages.
type Journeys interface {
	// Recent gives up to limit paths, newest first.
	Recent(limit int) []Journey
	// Subscribe gives a path again whenever it grew, until ctx ends; then the
	// channel is closed. A slow subscriber misses updates.
	Subscribe(ctx context.Context) <-chan Journey
}

// Journey is the path of one message.
type Journey struct {
	// Trace is unique; letters, digits, hyphens and underscores.
	Trace   string
	Account string
	Kind    string
	// Steps are in the order they were told; Dropped counts those not kept.
	Steps   []Step
	Dropped int
}

// Step is one step of a path. Stage is one of core's stages.
type Step struct {
	Stage  string
	At     time.Time
	Took   time.Duration
	Rule   string
	Skill  string
	Model  string
	Worker string
	// Tool is what a model called, Outcome what became of it.
	Tool    string
	Outcome string
	// Fault is the class of a failure; empty for none.
	Fault string
	// Count is how many equal steps in a row this is.
	Count int
}

// Overview is the state of the hub.
type Overview struct {
	Version string
	Started time.Time
	// Pools are the model pools; none when no model is connected.
	Pools []Pool
	// Connect is the piece of configuration that connects a model.
	Connect  string
	Accounts []Account
	Boxes    []Box
	// Problems are reasons why the hub is not ready.
	Problems []string
}

// Pool is a set of model workers that serve one model.
type Pool struct {
	Name    string
	Model   string
	Workers []Worker
}

// Worker is one model worker.
type Worker struct {
	Name     string
	Up       bool
	State    string
	InFlight int
}

// Account is one configured account.
type Account struct {
	Name     string
	Platform string
	Mode     string
	Up       bool
	// State is a stable word, Detail says more; neither names a secret.
	State  string
	Detail string
	// Webhook is the address to paste into the platform's console; empty when the
	// account needs none.
	Webhook string
}

// Box is the state of one box of the queue.
type Box struct {
	Name    string
	Items   int
	Ready   int
	Leased  int
	Delayed int
	Dead    int
	// Oldest is when the oldest waiting item came; zero for none.
	Oldest time.Time
}
