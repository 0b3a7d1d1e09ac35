// Package app puts the hub together: which platforms and skills there are
// (catalog), what is made from which part of the configuration (app, convert),
// in which order everything starts and stops (lifecycle), and how a hub lives on
// through restarts in the playground (serve). Beside that stands what the other commands
// of parley do. It knows every room and decides nothing.
package app
