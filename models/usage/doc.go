// Package usage is the ledger of what model workers did: one Entry for each attempt,
// priced by a Table, written behind the turns by a Recorder.
//
// Only what was served is charged to who asked. What retries, hedges and readers who left
// cost is the hub's, and goes to accounts of its own.
package usage
