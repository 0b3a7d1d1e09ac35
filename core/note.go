package core

import "time"

// Note names something small that is remembered for a while for an account: what was told
// to one node and another one needs for the answer. Operators may read the name; what is
// kept under it may be a secret.
type Note struct {
	Account Account
	// Kind is what it is, in a word of letters, digits and dashes; Key is which one of them.
	Kind, Key string
}

// Mark is how far one thing of a note came: it only moves forward.
type Mark struct {
	// Name is which thing, unlike the note's others.
	Name string
	// Rank is how far it came. Of two marks of one name the higher one stays, of two of
	// the same rank the first.
	Rank  int
	Value []byte
	// Age is how long ago the mark was made, by the clock of whoever keeps it.
	Age time.Duration
}
