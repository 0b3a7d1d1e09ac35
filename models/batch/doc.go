// Package batch puts texts of many requests into few calls of an Embedder: workers make
// thirty vectors in little more time than one.
//
// It belongs above a pool and below caches, budgets and the ledger: what is for several
// payers is for none of them below.
package batch
