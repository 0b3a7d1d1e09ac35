// Package sqliteq is the embedded engine of package queue: keyed mailboxes in
// process over an SQLite journal. It needs nothing beside a directory.
//
// What it promises beyond package queue:
//
//   - Durability. What Publish accepted and what a commit changed is in the
//     write-ahead log and synced (synchronous=FULL) before anybody is told, so it
//     survives the death of the process and of the machine. Attempts, waits and
//     notes live in a side file that is written but not synced: they survive the
//     death of the process.
//   - Group commit. One goroutine writes. It takes all operations that wait,
//     runs them in one transaction and answers each. One that fails does not
//     harm the others: they are run again singly.
//   - One process. The directory is locked; a second process is told who holds
//     it. Every mailbox, waiting item and lease is known in process, so a lease
//     can lapse only where Heartbeat exceeds Lease: a holder that dies here takes
//     the engine with it, and the next Open hands its items out again.
//   - Bounds. Waiting items are held in memory up to Options.MaxItems, memories of
//     idle mailboxes up to Options.MemoryCache. The disk budget is for all; an
//     eighth of it is kept for commits, so that what was accepted can leave.
//
// When the disk is full, Publish answers queue.ErrFull and stores nothing.
// Commits are kept by their slots and tried again until they succeed, so that no
// handler runs twice for the disk's sake.
//
// The directory holds queue.db (with -wal and -shm beside it), notes.log and
// parley.lock. A backup is made with SQLite's own means or while the engine is closed.
package sqliteq
