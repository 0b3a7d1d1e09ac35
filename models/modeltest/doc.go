// Package modeltest proves model clients: Worker is a model server that speaks the
// OpenAI chat protocol with every fault real ones were seen with, and Suite is the
// contract every models.Client that talks to such a server passes.
//
// The fake is a real HTTP server without artificial cost, so it serves load tests
// too. It has no slots and no prefix cache.
package modeltest
