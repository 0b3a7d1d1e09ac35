// Package session is what a conversation remembers and whose memory it is.
//
// A Session is read from a mailbox's memory (named fields and a log) and gives
// back what changed, never the whole: a turn costs the same on the first day and
// on the last. Its wire form has a version and is held by golden files.
//
// Policy.KeyOf decides who shares a memory. It is the one place that does: in private
// it is the person's, whatever platform they write from, unless the policy keeps
// accounts or chats apart; in a group it is the place's, and each thread keeps its own.
// A private memory can therefore never be read in a group, nor a group's in private.
//
// A Directory says which person an account is. Linked is the one for accounts that
// people have linked. When two persons become one, Merge joins their memories.
package session
