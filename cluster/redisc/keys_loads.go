package redisc

// loadsKey is a hash of a node's id and what it has under way: when it said so, in
// microseconds, a blank, and the counts of its workers as JSON. It expires. All nodes read
// all of it, so it is one key, and its tag is its own.
func loadsKey(prefix string) string { return prefix + ":{loads}" }
