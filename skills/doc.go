// Package skills is the contract of what the bot can do.
//
// A Skill is a Handler with a Manifest. A Handler gets a Turn (what was said, by
// whom, in which session) and a Writer (what to answer). It is called once a
// turn, may be called again for the same turn after a crash, and keeps its side
// effects harmless by using Turn.ID as their idempotency key. What it changes in
// the session and what it replied is stored in one step after it returned nil;
// when it returns an error nothing is, and the fault class decides what follows.
//
// Middleware wraps a Handler; the stock ones are in this package, one a file. Their
// order, outermost first, is Recover, Access, Limiter.Middleware, CallsPerMinute, Input,
// Observe, Timeout: whoever is refused, or wrote arguments that are wrong, costs nothing
// and is no run of the skill, and what is observed has its final fault.
//
// A Manifest says what calls a skill, who may use it, and what it may reach. It is the same
// for skills inside the hub, outside of it, and for tools. A World is how they reach it.
package skills
