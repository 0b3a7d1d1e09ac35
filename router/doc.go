// Package router decides who answers and sees to it that the answer is stored.
//
// Table is the decision: pure, total, explainable. Dispatcher is the loop: it
// takes a conversation's next envelopes from the inbox, runs the skill the table
// chose, and commits in one step what was handled, what is remembered and what
// is to be said. Intake is the door: it decides whose memory an envelope meets
// and stores it there.
//
// The router knows no platform and no adapter. It meets them in two mailboxes.
package router
