// Package redisc is the engine of package cluster on Redis 7 or newer. Its keys and
// scripts are written down in docs/redis-protocol.md. Time is the server's, never a
// node's; every script may run twice; a key that a dead node left behind expires.
package redisc
