// Package document turns the Markdown that models write into styled runs of text,
// and cuts them into pieces of a length a platform takes.
//
// A document is a list of runs: text with a style, in reading order, with the line
// ends already in it. What a platform makes of a run (tags, marks, entities) is
// its adapter's business; that every adapter gets the same runs is this package's.
//
// Two things hold for every input: no word that Markdown shows is lost, and nothing
// panics. Raw HTML is shown as it was written, images as links, tables as aligned
// columns.
package document
