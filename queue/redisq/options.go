package redisq

import (
	"crypto/tls"
	"time"

	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/queue"
)

// blockFor is how long a wait for a wake hint lasts, and so how late a lost hint is
// made good for. Read timeouts are above it.
const blockFor = time.Second

// Options of an engine. Only URL is required.
type Options struct {
	// URL says where Redis is:
	//
	//	redis://[user:password@]host[:port][/db]
	//	redis+sentinel://[user:password@]host[:port],host[:port].../master-name[/db]
	//	redis+cluster://[user:password@]host[:port],host[:port]...
	//
	// With rediss instead of redis all connections use TLS. It is secret because of
	// the password.
	URL secret.String
	// SentinelUser and SentinelPassword are for the Sentinels themselves, where they
	// ask for some.
	SentinelUser     string
	SentinelPassword secret.String
	// TLS is for certificates of an own authority, or of the client; nil means the
	// system's. It does not switch TLS on: the URL does.
	TLS *tls.Config
	// Prefix stands before every key; "" means "parley". Two hubs on one Redis need
	// two prefixes.
	Prefix string
	// Shards is into how many parts a new store is divided; 0 means 1 on one Redis
	// and 16 on a Cluster. A store keeps its number: another one is refused.
	Shards int
	// DedupeWindow is how long the id of an item is remembered at least; 0 means 48 h.
	// It may be remembered a third longer.
	DedupeWindow time.Duration
	// MaxItems bounds the waiting items of all mailboxes; 0 means 100 000. Each shard
	// has its even share, so that with several shards it is approximate.
	MaxItems int
	// MaxPerKey bounds the waiting items of one mailbox; 0 means 1 000.
	MaxPerKey int
	// MemoryCache is how many bytes of the memories of mailboxes that nobody holds
	// are kept in process; 0 means 16 MiB, below 0 none.
	MemoryCache int64
	// Timeout is how long one call to Redis may take; 0 means 2 s, less than 1.5 s
	// counts as that. Publish fails as Retryable past it.
	Timeout time.Duration
	// Replicas is how many replicas must have an item before Publish returns, and before
	// an item that goes to another shard leaves the first, and must know that a delivery is
	// begun that has effects (queue.ConsumeOptions.Effects); 0 for none. ReplicasWithin is
	// how long they may take; 0 means 1 s. Past it, Publish fails as Retryable, and its
	// repeat is harmless; a delivery begins all the same.
	Replicas       int
	ReplicasWithin time.Duration
	// Log gets what an operator should know. The zero value is silent.
	Log zerolog.Logger

	// place gives the shard of a mailbox; tests replace it.
	place func(key queue.Key, digest uint64, shards int) int
}

func (o Options) withDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = "parley"
	}
	if o.DedupeWindow <= 0 {
		o.DedupeWindow = 48 * time.Hour
	}
	if o.MaxItems <= 0 {
		o.MaxItems = 100_000
	}
	if o.MaxPerKey <= 0 {
		o.MaxPerKey = 1_000
	}
	if o.MemoryCache == 0 {
		o.MemoryCache = 16 << 20
	}
	o.MemoryCache = max(o.MemoryCache, 0)
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Second
	}
	if o.ReplicasWithin <= 0 {
		o.ReplicasWithin = time.Second
	}
	o.Timeout = max(o.Timeout, blockFor*3/2)
	if o.place == nil {
		o.place = byDigest
	}
	return o
}
