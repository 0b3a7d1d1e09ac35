package redisc

// membersKey is a hash of a node's id and what it says of itself as JSON; it expires.
func membersKey(prefix string) string { return prefix + ":{members}:about" }

// heardKey is a zset of a node's id and when it was heard of, in microseconds; it expires.
func heardKey(prefix string) string { return prefix + ":{members}:heard" }

// claimKey is a text, whose cluster this is. It stays.
func claimKey(prefix string) string { return prefix + ":cluster" }
