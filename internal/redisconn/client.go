package redisconn

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/parley-hub/parley/core/fault"
	"github.com/parley-hub/parley/core/secret"
)

const (
	// poolSize bounds the connections to one server. They are made on demand; each
	// box and shard that waits for work holds one.
	poolSize = 256
	// reloadEvery is how often a cluster's layout is read anew. The client's default
	// of a minute leaves a dead master's slots unreachable for as long
	// (redis/go-redis#3979).
	reloadEvery = time.Second
)

// Options of a connection. Only URL and Timeout are required.
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
	// Timeout is how long one call may take.
	Timeout time.Duration
}

// Client is a connection to Redis.
type Client struct {
	redis.UniversalClient
	form    Form
	timeout time.Duration
}

// Form tells how the Redis is run.
func (c *Client) Form() Form { return c.form }

// New makes the client; it does not speak yet. The fault of a wrong URL needs a human.
func New(o Options) (*Client, error) {
	t, err := parseURL(o.URL.Reveal())
	if err != nil {
		return nil, fault.New(fault.NeedsHuman, "open redis", err)
	}
	return &Client{connect(t, o), t.form, o.Timeout}, nil
}

// tlsConfig gives the connections' TLS, nil for none.
func (t target) tlsConfig(own *tls.Config) *tls.Config {
	if !t.tls {
		return nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if own != nil {
		c = own.Clone()
	}
	if c.ServerName == "" && t.form == Standalone {
		c.ServerName, _, _ = net.SplitHostPort(t.addrs[0])
	}
	return c
}

// quiet takes what the client library would print; what matters comes back as an
// error. The library has one logger for the whole process.
type quiet struct{}

// Printf drops the line.
func (quiet) Printf(context.Context, string, ...any) {}

var silence = sync.OnceFunc(func() { redis.SetLogger(quiet{}) })

// connect makes the client; it does not speak yet. Nothing is repeated by the
// client beyond a cluster's redirections: its user decides what is tried again.
// RESP 2 has all that is needed, and no maintenance notifications.
func connect(t target, o Options) redis.UniversalClient {
	silence()
	off := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	secure := t.tlsConfig(o.TLS)
	dial := o.Timeout / 2
	switch t.form {
	case Sentinel:
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: t.master, SentinelAddrs: slices.Clone(t.addrs), SentinelUsername: o.SentinelUser, SentinelPassword: o.SentinelPassword.Reveal(),
			Username: t.user, Password: t.password, DB: t.db, TLSConfig: secure, Protocol: 2, DisableIdentity: true,
			MaxRetries: -1, DialTimeout: dial, DialerRetries: 1, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout,
			ContextTimeoutEnabled: true, PoolSize: poolSize,
		})
	case Cluster:
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: slices.Clone(t.addrs), Username: t.user, Password: t.password, TLSConfig: secure, Protocol: 2, DisableIdentity: true,
			MaxRetries: -1, DialTimeout: dial, DialerRetries: 1, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout,
			ContextTimeoutEnabled: true, PoolSize: poolSize, ClusterStateReloadInterval: reloadEvery, DisableRoutingPolicies: true,
			MaintNotificationsConfig: off,
		})
	default:
		return redis.NewClient(&redis.Options{
			Addr: t.addrs[0], Username: t.user, Password: t.password, DB: t.db, TLSConfig: secure, Protocol: 2, DisableIdentity: true,
			MaxRetries: -1, DialTimeout: dial, DialerRetries: 1, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout,
			ContextTimeoutEnabled: true, PoolSize: poolSize, MaintNotificationsConfig: off,
		})
	}
}
