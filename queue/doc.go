// Package queue is the contract of keyed durable mailboxes with memory.
//
// A mailbox belongs to one Key: a conversation's inbox, a chat's lane in the
// outbox. It holds items in the order they were published, and a memory that its
// holder may change. The rules, which every engine proves with queuetest:
//
//  1. Accept. Publish returns only once the item is durable. The same id in the
//     same box inside the dedupe window is one item (Duplicate, a success). A
//     mailbox or engine that is full says ErrBusy and stores nothing.
//  2. Order and exclusion. One mailbox has one holder, who gets its items in
//     publish order; never two handlers at once.
//  3. No head-of-line blocking. Any free slot, on any node, may take any ready
//     mailbox; a slow one holds only itself.
//  4. Lease. Taking yields a token that grows strictly per mailbox. The holder's
//     lease is extended while its handler runs; when it lapses another takes over.
//  5. Fencing. Whoever comes with a stale token changes nothing, is told ErrStale,
//     and its handler's context is cancelled. By its own clock a holder knows for how
//     long it is none (Delivery.Left).
//  6. Commit is one atomic step: drop the handled items, change the memory,
//     publish what goes out. Its cost depends on what changed, not on the memory.
//     What goes out is stored as it is: the token already makes it once, so the
//     dedupe window is for Publish alone.
//  7. Coalescing. A delivery may carry several waiting items, up to Batch; an item
//     may ask that its mailbox settles first (Item.Settle).
//  8. Retry keeps order: the mailbox waits, attempts are counted, past the limit
//     the first item goes to the dead letters with its reason.
//  9. Fairness. A mailbox that had its Turns goes behind the others that are ready.
//  10. Drain. When Consume's context ends it takes nothing new, lets handlers
//     finish inside Grace, then cancels them; what is unfinished is handed back and
//     does not count as an attempt.
//  11. Stats tell per box what is ready, leased, delayed and dead, and how old.
//
// What a handler's error means is its fault class: Retryable waits (as told, else
// by Backoff) and counts; RateLimited and NeedsHuman wait and do not count;
// Permanent and Bug bury the first item at once.
package queue
