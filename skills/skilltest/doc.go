// Package skilltest is the contract of skills as a suite of tests, and the
// doubles that tests of skills share: a builder of turns, a writer that
// remembers, and a world and files in memory.
//
// A skill proves itself with one call of Run from its own tests.
package skilltest
