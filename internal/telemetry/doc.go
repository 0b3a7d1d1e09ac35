// Package telemetry shows what the hub does: the root logger, the metrics and the
// paths of the last messages.
//
// A Recorder is the hub's core.Observer. It turns each event into counters and
// histograms on a registry of its own, and into a step of a Journey, the path of
// one message. Both are on the way of every message: Observe looks up what it made
// before and takes one short lock.
//
// Memory is bounded whatever comes: a label has a fixed number of values, what is
// beyond them is counted as "other"; the ring of journeys and the steps of one
// journey have fixed sizes; a slow subscriber loses events. No label ever names a
// chat, a person, a message or an error's words.
package telemetry
