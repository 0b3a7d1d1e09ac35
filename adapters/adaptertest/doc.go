// Package adaptertest proves that an adapter keeps the contract of package
// adapters. An adapter's own test calls Run with a Harness; what the harness
// brings is the platform, in practice a simulator, with a few levers.
//
// What it proves: nothing is lost and nothing is told "received" before it is
// stored, whatever the inbox does; the order of each chat is kept; the same message
// twice is the same envelope; Run ends with its context and leaves no goroutine;
// failures have the right class, say how long to wait and whether the outcome is
// unknown; a long text loses no word; a webhook believes nobody but its platform;
// two nodes that share a memory are one account; and no error and no line of the log holds a secret.
package adaptertest
