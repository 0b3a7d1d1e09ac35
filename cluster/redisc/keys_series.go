package redisc

// seriesKey is a stream of entries: v value, u until when in milliseconds, s the bytes of
// all values up to it. What the series is about cannot be read in it. It expires with its
// entry of the longest life, and goes to a slot of its own.
func seriesKey(prefix, name string) string { return prefix + ":series:{" + digest(name) + "}" }
