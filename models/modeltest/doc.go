// Package modeltest proves model clients: Worker is a model server that speaks the
// OpenAI chat protocol with every fault real ones were seen with, and Suite is the
// contract every models.Client that talks to such a server passes.
//
// The fake is a real HTTP server. Without Slots, Prefill, PerToken and Cache it costs
// no time, so it serves load tests too; with them it takes the time of a GPU: so many
// answers at a time, the work on a prompt bounded by what its prefix cache knows. On a
// Net inside a synctest bubble that time is not waited for, and what is measured does
// not depend on the machine.
package modeltest
