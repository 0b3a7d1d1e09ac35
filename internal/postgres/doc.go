// Package postgres is how a PostgreSQL server is reached, and what its errors mean.
// It knows the driver, and nothing of what is stored.
//
// A connection is good only for a primary of version Oldest or newer that takes
// writes: what is read from it is what was written last, whoever wrote it. Every new
// connection is checked, so a server that failed over to one that is no primary is a
// Retryable fault until there is one again. An address may name several servers
// (postgres://one,two/db); the first good one is taken.
//
// No error holds the password, nor what a row holds.
package postgres
