// Package core holds the nouns every other room of the hub speaks: an Envelope
// comes in, a Reply goes out, both in a Conversation, both made of Parts.
//
// The types are values. An Envelope is never changed after it was accepted;
// whoever needs a different one makes a new one. Nothing in here knows a
// platform: identifiers are opaque strings that only the adapter that minted
// them may take apart again.
//
// The wire form (Encode*, Decode*) is JSON with a schema version. It is what the
// mailboxes store, so it outlives a process: golden files in testdata hold it
// still, and a change to it raises SchemaVersion and keeps the old form readable.
package core
