// Package cache gives answers that were given before.
//
// A Cache is a models.Client over another, usually a pool. What is asked again word for
// word, by the same payer, is not asked of a worker; those who ask the same at the same
// time share one answer. Answers are kept in the process and, where there is one, in a
// Remote that nodes share. A Semantic is such a client too, for questions that say the
// same in other words; skills have to ask for it.
//
// Budgets belong below: what is kept costs nothing. What belongs together of a process,
// and of the nodes of a hub, goes by the same Generations.
package cache
