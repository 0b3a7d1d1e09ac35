// Package pool measures the pool of model workers against the goals it was built for:
// one table, each row a figure, the goal, and whether it was met.
//
// All but the overhead and the time of a cancellation run inside a synctest bubble:
// real clients and fake workers with the time of a GPU, on a network in memory. An hour
// there costs the processor time of its requests and no more, and what else the machine
// does changes no figure.
package pool
