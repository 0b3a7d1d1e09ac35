// Package playground is a world to try the hub in: simulated platforms with two people
// on each, behind the real adapters. The hub reaches them over loopback, as it would
// reach the real ones, and the console shows them as phones.
//
// The playground outlives the hub. When the hub restarts, the platforms keep what was
// said meanwhile and bring it afterwards, as they do for a process that restarts.
//
// A platform is one file, or two where its text is long to read: what the simulator's
// messages look like on a phone, and what somebody does there. What all share stands beside
// it: who plays (phone), how changes are told (follow), how an account is linked by a code
// (link), how platforms fail and what became of it (faults), and what troubles the hub
// itself (troubles).
package playground
