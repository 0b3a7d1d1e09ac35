// Package archive puts the memories of idle mailboxes away: out of an engine that holds
// everything in memory, into a store that does not, and back with the next item. It
// wraps an engine and is one itself; who works on a delivery sees no difference.
//
// A mailbox that was idle for long gets an item from the archive. Its handling writes the
// memory into the store, and then, in one commit, drops it from the mailbox and leaves
// only a reference, so a crash between the two leaves a copy that nobody refers to.
// The next delivery is given the memory from the store, and its commit puts all of it
// back and publishes, in that same step, an item that has the copy dropped. So at any
// time either the mailbox has its memory or the store has what it refers to, and what was
// forgotten in the mailbox goes from the store too.
//
// A store that does not answer delays the mailboxes that it has the memory of, and no
// others; it costs none of their attempts.
package archive
