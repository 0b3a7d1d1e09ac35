package redisc

import "github.com/parley-hub/parley/core"

// addressesKey is a hash of what is known of a person: g, what a fill must name; f, that
// it was filled in, and then: w, the wish; for each address BASE "\n" ACCOUNT, when it was
// heard, a blank, and the chat.
func addressesKey(prefix string, person core.PersonID) string {
	return prefix + ":{reach:" + digest(string(person)) + "}"
}
