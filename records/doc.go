// Package records keeps transcripts, what people said to the bot and what it
// answered, one Entry each, and who is who: which accounts are one person, where they
// were heard, and who changed that (People). All of it is in SQL.
//
// Nothing on the way of a message waits for the records. Entries travel through
// the queue's ledger mailbox and are written behind it by a Recorder, in batches;
// since a batch may come again after a crash, writing is idempotent by entry id.
//
// An entry belongs to one account: whose said it, or was answered. A link says that
// several accounts are one person, and rewrites no entry. That holds in groups too, so
// exporting or erasing a person covers what any of their accounts said there and
// what the bot answered them, and nothing of anybody else. An erasure is
// remembered: entries from before it that are still on their way through the
// ledger are dropped when they arrive.
//
// The SQL is the subset that SQLite and PostgreSQL share; in PostgreSQL several nodes
// may have the records open, and what they do is as if one did it after the other. Times
// are stored as milliseconds since 1970 in UTC. Every error is a fault: a full disk is
// Retryable, a damaged file needs a human.
package records
