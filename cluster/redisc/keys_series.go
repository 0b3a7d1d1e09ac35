package redisc

// seriesKey is a list of entries: number, until when in milliseconds, the bytes of all
// values up to it, each with a comma behind, and the value. What the series is about cannot
// be read in it. It expires with its entry of the longest life, and goes to a slot of its
// own.
func seriesKey(prefix, name string) string { return prefix + ":series:{" + digest(name) + "}" }
