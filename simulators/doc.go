// Package simulators is what the servers below it have in common, whatever protocol they speak: a
// transcript of what happened, a script of failures, and how either is reached over HTTP. It knows
// no platform.
//
// # Watching
//
// A Feed takes in what happens: events (what people would see) and calls (what a client asked
// for). Its Transcript is the reading side, which a server embeds so that its users get Calls,
// Events, Subscribe and Wait. Both are bounded; the oldest is forgotten first.
//
// # Failing
//
// A Script holds the injected faults. What a fault is belongs to each server; the Script knows
// how often it is to be met, counts that, and holds calls until they are released.
//
// # Serving
//
// Control mirrors a server's Go API as JSON over HTTP, for tests that run it in another process.
// HookClient calls webhooks; Cut ends a connection without an answer.
package simulators
