package redisc

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"embed"
	"errors"
	"os"
	"path"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
	"github.com/parley-hub/parley/internal/redisconn"
)

// Options of an engine. Only URL is required.
type Options struct {
	// URL says where Redis is; see redisconn.Options.
	URL secret.String
	// SentinelUser and SentinelPassword are for the Sentinels themselves.
	SentinelUser     string
	SentinelPassword secret.String
	// TLS is for certificates of an own authority; nil means the system's.
	TLS *tls.Config
	// Prefix stands before every key, as it does before the queue's; "" means "parley".
	Prefix string
	// Timeout is how long one call to Redis may take; 0 means 2 s.
	Timeout time.Duration
	// Log gets what an operator should know. The zero value is silent.
	Log zerolog.Logger
	// Node is this node's name, for people; "" means the host's. Its id has something
	// behind it that no other process has.
	Node string
	// Lease is how long a lease is held without a beat; 0 means 3 s.
	Lease time.Duration
}

// Engine is a cluster on Redis. Make it with Open.
type Engine struct {
	o   Options
	log zerolog.Logger
	rdb *redisconn.Client
	// untold are waits that Redis could not be told.
	untold untoldWaits
	*leases
	*members
}

// Open connects to Redis and checks that it can be worked with; its faults are those of
// redisconn. ctx is for the opening only.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if o.Prefix == "" {
		o.Prefix = "parley"
	}
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, fault.New(fault.NeedsHuman, "open cluster", errors.New("a prefix has no braces"))
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if o.Lease <= 0 {
		o.Lease = defaultLease
	}
	rdb, err := redisconn.New(redisconn.Options{
		URL: o.URL, SentinelUser: o.SentinelUser, SentinelPassword: o.SentinelPassword, TLS: o.TLS, Timeout: o.Timeout,
	})
	if err != nil {
		return nil, err
	}
	e := &Engine{o: o, log: o.Log, rdb: rdb}
	e.members = &members{e: e, id: nodeID(o.Node), clock: time.Now}
	e.leases = newLeases(e, e.Node())
	if _, err := rdb.Inspect(ctx); err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	return e, nil
}

// nodeID is unlike that of any other process.
func nodeID(name string) string {
	if name == "" {
		name, _ = os.Hostname() // a node without a name has an id all the same
	}
	return name + "-" + strings.ToLower(rand.Text()[:6])
}

// Close ends the engine, which gives its leases back. Calls under way fail.
func (e *Engine) Close() error {
	e.giveBack()
	if err := e.rdb.Close(); err != nil {
		return fault.New(fault.Retryable, "close cluster", err)
	}
	return nil
}

//go:embed lua/*.lua
var sources embed.FS

// script reads a script. What it takes, gives and costs stands in its file.
func script(name string) *redis.Script { return redis.NewScript(source(name)) }

func source(name string) string {
	text, err := sources.ReadFile(path.Join("lua", name+".lua"))
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

// run runs a script: by its hash, and with its text where the server does not know it.
func (e *Engine) run(ctx context.Context, what string, s *redis.Script, keys []string, args ...any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, e.o.Timeout)
	defer cancel()
	answer, err := s.Run(ctx, e.rdb, keys, args...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return answer, redisconn.Classify(what, err)
}
