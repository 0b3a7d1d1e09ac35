// Package redisconn connects to Redis 7 or newer: one server, a master with replicas
// under Sentinel, or a Cluster, with TLS and users, as a URL says. It is what the
// engines on Redis share: how a URL is read, which servers are refused and why, and
// the class of each failure.
package redisconn
