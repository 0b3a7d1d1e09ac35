// Package nodes tests adapters as several nodes have them: two adapters of one account on
// a platform, each with an engine of its own on one Redis.
package nodes
