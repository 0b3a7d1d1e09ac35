package plugin

import (
	"time"

	"github.com/rs/zerolog"
)

// What happened to a program, for metrics.
const (
	// Started: a process was started and is healthy.
	Started = "started"
	// Crashed: a process ended by itself.
	Crashed = "crashed"
	// Hung: a process did not end a turn that was cancelled, and was killed.
	Hung = "hung"
	// Overfull: a process filled its folder, and was killed.
	Overfull = "overfull"
	// Flooded: a turn said, asked for or remembered more than its bounds.
	Flooded = "flooded"
	// Dropped: a line of a turn's log was left out.
	Dropped = "dropped"
	// Refused: a file was not taken.
	Refused = "refused"
	// GaveUp: a process crashed too often and is not started again.
	GaveUp = "gave_up"
)

// Options make a Folder. Dir and Publish are required.
type Options struct {
	// Allow says which files may be started.
	Allow Allow
	// Command prepares the start of a program; nil means Plain.
	Command Command
	// Dir is the folder of the programs. It need not be there.
	Dir string
	// Limits bound a turn; the zero value means DefaultLimits.
	Limits Limits
	Log    zerolog.Logger
	// Observe is told what happened to a program, by the name of its skill, or of its file
	// where that is not known; nil for nobody. It must not block.
	Observe func(plugin, what string)
	// Publish is given all skills whenever they change. An error means that they cannot be
	// had together: then the change is not made.
	Publish func([]*Skill) error
	// Times are how long things may take; the zero value means DefaultTimes.
	Times Times
}

// Limits bound what a program may do, most of them in one turn.
type Limits struct {
	// Replies and ReplyBytes bound what it says, here and elsewhere.
	Replies, ReplyBytes int
	// Drafts and DraftBytes bound what it shows on the way.
	Drafts, DraftBytes int
	// Logs is how many lines are kept; further ones are dropped, and MaxLogs end the turn.
	Logs, MaxLogs int
	// Calls is how much it may ask for, CallsAtOnce how much of it at the same time, Open
	// how many streams it may have open.
	Calls, CallsAtOnce, Open int
	// Remember bounds what it adds to the session, in bytes.
	Remember int
	// Space bounds what lies in a program's folder, in bytes; each file counts for at least
	// 4 KiB. It is not of a turn: a program that has more is killed.
	Space int64
}

// DefaultLimits are far above what a skill needs.
var DefaultLimits = Limits{
	Replies: 100, ReplyBytes: 1 << 20, Drafts: 20_000, DraftBytes: 64 << 20, Logs: 200, MaxLogs: 10_000,
	Calls: 50_000, CallsAtOnce: 64, Open: 32, Remember: 1 << 20, Space: 64 << 20,
}

// Times are how long things may take.
type Times struct {
	// Look is the time between two looks at the folder. A file that changed is taken when
	// the second look finds it as the first one did: before, it is still being written.
	Look time.Duration
	// Start is how long a program may take until it can be asked.
	Start time.Duration
	// Cancel is how long it may take to end a turn that was cancelled.
	Cancel time.Duration
	// Check is the time between two questions whether a program is well; it has Cancel to
	// answer.
	Check time.Duration
	// Measure is the time between two looks at a program's folder.
	Measure time.Duration
	// Drain is how long an old version may take to end its turns.
	Drain time.Duration
	// Wait is how long a turn waits for a program that is being started again.
	Wait time.Duration
	// Again is the wait before the first restart; it doubles up to MaxAgain.
	Again, MaxAgain time.Duration
	// Healthy is how long a program must live so that its crashes are forgotten; MaxCrashes
	// are how many it may have before.
	Healthy    time.Duration
	MaxCrashes int
}

// DefaultTimes are for people who wait.
var DefaultTimes = Times{
	Look: 500 * time.Millisecond, Start: 10 * time.Second, Cancel: 5 * time.Second, Check: 15 * time.Second, Measure: time.Second, Drain: 10 * time.Minute, Wait: 10 * time.Second,
	Again: 100 * time.Millisecond, MaxAgain: time.Minute, Healthy: 5 * time.Minute, MaxCrashes: 12,
}

func (o Options) withDefaults() Options {
	if o.Command == nil {
		o.Command = Plain
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	if o.Times == (Times{}) {
		o.Times = DefaultTimes
	}
	if o.Observe == nil {
		o.Observe = func(string, string) {}
	}
	return o
}
