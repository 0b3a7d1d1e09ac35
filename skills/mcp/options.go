package mcp

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/skills"
)

// What happened to a server, for metrics.
const (
	// Connected: a session began.
	Connected = "connected"
	// Failed: a session could not be begun.
	Failed = "failed"
	// Lost: a session ended by itself.
	Lost = "lost"
	// Hung: a call was not answered in time.
	Hung = "hung"
	// Flooded: the server said more than its bounds.
	Flooded = "flooded"
	// Changed: the server has other tools than before.
	Changed = "changed"
	// Refused: a tool was left out, or a version was not published.
	Refused = "refused"
	// Asked: the server wanted something of a person or a model, and did not get it.
	Asked = "asked"
)

// Server is one MCP server, and what of it is a skill. It has a Command or a URL.
type Server struct {
	// Name is the skill's.
	Name string
	// Command is the program with its arguments, Env its environment. Trusted and ReadOnly
	// are for who starts it.
	Command  []string
	Env      map[string]secret.String
	Trusted  bool
	ReadOnly []string
	// URL is where streamable HTTP is spoken, Headers go with each request.
	URL     string
	Headers map[string]secret.String
	// Timeout bounds a call; 0 means Times.Call.
	Timeout time.Duration
	// Tools are those that are taken; empty for all.
	Tools []string
	// Dangerous and Safe say of tools what the server does not say, or says otherwise.
	Dangerous, Safe []string
	// Roles, Places and Channels are as in the manifest.
	Roles    []skills.Role
	Places   []core.Place
	Channels []core.Account
}

// Options make Servers. Publish is required.
type Options struct {
	Servers []Server
	// Command prepares the start of a program; nil means Plain.
	Command Command
	// Limits bound what a server says; the zero value means DefaultLimits.
	Limits Limits
	Log    zerolog.Logger
	// Observe is told what happened to a server; nil for nobody. It must not block.
	Observe func(server, what string)
	// Publish is given all skills whenever one changes. An error means that they cannot be
	// had together: then the change is not made.
	Publish func([]*Skill) error
	// Times are how long things may take; the zero value means DefaultTimes.
	Times Times
	// Version is the hub's, which servers are told.
	Version string
}

// Limits bound what one server says.
type Limits struct {
	// Message bounds one message, and all of one answer over HTTP, in bytes.
	Message int64
	// Bytes and Lines bound what a session says in a minute.
	Bytes, Lines int64
	// Tools is the most tools, Pages the most pages in which they come.
	Tools, Pages int
	// Text bounds the words of a result, in bytes; what is longer is cut, and says so. Files
	// is the most files of one.
	Text, Files int
	// Calls is how many calls are under way at once.
	Calls int
}

// DefaultLimits are far above what a server needs.
var DefaultLimits = Limits{
	Message: 8 << 20, Bytes: 256 << 20, Lines: 100_000, Tools: 128, Pages: 32, Text: 64 << 10, Files: 10, Calls: 16,
}

// Times are how long things may take.
type Times struct {
	// Start bounds the begin of a session and each look at its tools.
	Start time.Duration
	// First is how long Load waits for the servers.
	First time.Duration
	// Call bounds a call, where the server has no Timeout.
	Call time.Duration
	// Wait is how long a call waits for a session that is being begun.
	Wait time.Duration
	// Settle is the shortest time between two looks at tools that a server says have
	// changed, Refresh the time after which they are looked at unasked.
	Settle, Refresh time.Duration
	// Again is the wait before a lost session is begun anew; it doubles up to MaxAgain.
	Again, MaxAgain time.Duration
	// Healthy is how long a session must last so that failures before it are forgotten.
	Healthy time.Duration
	// Grace is how long a program may take to end when its input has.
	Grace time.Duration
}

// DefaultTimes are for people who wait.
var DefaultTimes = Times{
	Start: 30 * time.Second, First: 3 * time.Second, Call: time.Minute, Wait: 5 * time.Second,
	Settle: time.Second, Refresh: 5 * time.Minute, Again: 500 * time.Millisecond, MaxAgain: time.Minute,
	Healthy: time.Minute, Grace: 2 * time.Second,
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
