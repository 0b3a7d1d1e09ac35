// Package redisq is the engine of package queue on Redis 7 or newer: one server, a
// master with replicas under Sentinel, or a Cluster. Any number of nodes work on the
// same store. The keys, the scripts and their invariants are written down in
// docs/redis-protocol.md.
//
// What it promises beyond package queue:
//
//   - Every change is one Lua script, which Redis runs alone and as a whole. All its
//     keys are declared, and carry one hash tag, that of their shard. Leases, waits
//     and tokens go by the server's clock, never by a node's.
//   - Fencing by token alone. A lease that is over is still its holder's until
//     another takes the mailbox. So a commit that meets a Redis which does not answer
//     is kept by its slot and tried again, however long it takes, and no handler runs
//     twice for it. A node's own clock serves for one thing: a handler whose lease may
//     be over is cancelled, at the latest when the server would let it lapse.
//   - Every script may run twice. The answer of a call can be lost, and the cluster
//     client repeats calls by itself; so a publish is known by its id, a commit by its
//     token, a load by the token that counted the attempt, a parcel by its number. Only
//     a take is not: its mailboxes come back after five seconds at most, untouched.
//   - While Redis is away, read-only, full or failing over, Publish fails at once or
//     within Options.Timeout, as Retryable; Consume waits and goes on by itself.
//
// # Shards, and commits that go across
//
// A Cluster runs a script only where all keys share a slot. A commit changes one
// mailbox and publishes into others, which cannot all be in one shard: a person writes
// from many chats, a chat has many persons. So the commit is atomic in the shard of
// its mailbox, and what is for other shards becomes an entry of a channel there, a list
// for each pair of shards, in that same script. Then it is carried: read from the
// channel's front, received by the other shard, trimmed. Entries of a shard have
// growing numbers, and the receiver remembers the last number of each sender.
//
// Why nothing is lost, doubled or overtaken, wherever a node dies:
//
//   - An entry leaves its channel only below a number which the receiver's answer
//     named. So it is received before it is dropped: nothing is lost.
//   - The receiver takes entries above its last number, and notes the new one in the
//     same script. Whoever sends an entry again, at any time, changes nothing: nothing
//     is doubled.
//   - Only the front of a channel is ever sent: what was read from there, or the
//     entries of a commit that found the channel empty. What stood before them was
//     received then. So no number is received before a lower one of its channel, and
//     none is skipped as known that was not: nothing is lost by the second rule, and
//     what one mailbox sends to another stays in order.
//   - Whoever commits carries at once, before Commit.Then is called. What it leaves
//     behind, every other node finds within a second: each shard has a set of the
//     channels that are not empty.
//
// An item's id is one item of its box, in whatever mailbox. Where the id's own shard
// (by its digest) is not the mailbox's, Publish first claims the id there for that
// mailbox; the first claim stays, and the push itself, in the mailbox's shard, is
// known by the id once more. A crash between the two leaves a claim that the repeat
// finds and fulfils. With one shard, as on one server, there is neither claim nor
// channel.
package redisq
