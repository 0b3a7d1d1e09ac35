package redisq

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
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

// target is what a URL says.
type target struct {
	form     form
	tls      bool
	user     string
	password string
	addrs    []string
	master   string
	db       int
}

// form is how Redis is run.
type form uint8

const (
	standalone form = iota
	sentinel
	cluster
)

var schemes = map[string]target{
	"redis":           {form: standalone},
	"rediss":          {form: standalone, tls: true},
	"redis+sentinel":  {form: sentinel},
	"rediss+sentinel": {form: sentinel, tls: true},
	"redis+cluster":   {form: cluster},
	"rediss+cluster":  {form: cluster, tls: true},
}

// parseURL reads Options.URL. Its errors name no password.
func parseURL(text string) (target, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	t, known := schemes[scheme]
	if !ok || !known {
		return target{}, errors.New("a Redis URL begins with redis://, rediss://, redis+sentinel:// or redis+cluster://")
	}
	authority, path, _ := strings.Cut(rest, "/")
	if strings.ContainsAny(path, "?#") || strings.ContainsAny(authority, "?#") {
		return target{}, errors.New("a Redis URL takes no options behind its path; escape ? and # in a password as %3F and %23")
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		var err1, err2 error
		t.user, err1 = url.PathUnescape(user)
		t.password, err2 = url.PathUnescape(password)
		if err1 != nil || err2 != nil {
			return target{}, errors.New("user or password of the Redis URL are not escaped well: write % as %25")
		}
		authority = authority[at+1:]
	}
	port := "6379"
	if t.form == sentinel {
		port = "26379"
	}
	for _, host := range strings.Split(authority, ",") {
		addr, err := withPort(host, port)
		if err != nil {
			return target{}, err
		}
		t.addrs = append(t.addrs, addr)
	}
	if t.form == standalone && len(t.addrs) > 1 {
		return target{}, errors.New("several hosts in a Redis URL need redis+sentinel:// or redis+cluster://")
	}
	return t, t.readPath(strings.TrimSuffix(path, "/"))
}

func withPort(host, port string) (string, error) {
	if h, p, err := net.SplitHostPort(host); err == nil {
		host, port = h, p
	}
	host = strings.Trim(host, "[]")
	if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
		return "", errors.New("each host of a Redis URL is name, name:port or [IPv6]:port")
	}
	return net.JoinHostPort(host, port), nil
}

func (t *target) readPath(path string) error {
	var parts []string
	if path != "" {
		parts = strings.Split(path, "/")
	}
	if t.form == sentinel {
		if len(parts) == 0 {
			return errors.New("redis+sentinel:// needs the master's name behind the hosts, as in redis+sentinel://host:26379/mymaster")
		}
		t.master, parts = parts[0], parts[1:]
	}
	if len(parts) == 0 {
		return nil
	}
	db, err := strconv.Atoi(parts[0])
	if err != nil || db < 0 || len(parts) > 1 {
		return errors.New("behind the host of a Redis URL stands the number of the database")
	}
	if t.form == cluster && db != 0 {
		return errors.New("a Redis Cluster has database 0 only")
	}
	t.db = db
	return nil
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
	if c.ServerName == "" && t.form == standalone {
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
// client beyond a cluster's redirections: the engine decides what is tried again.
// RESP 2 has all that is needed, and no maintenance notifications.
func connect(t target, o Options) redis.UniversalClient {
	silence()
	off := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	secure := t.tlsConfig(o.TLS)
	dial := o.Timeout / 2
	switch t.form {
	case sentinel:
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: t.master, SentinelAddrs: slices.Clone(t.addrs), SentinelUsername: o.SentinelUser, SentinelPassword: o.SentinelPassword.Reveal(),
			Username: t.user, Password: t.password, DB: t.db, TLSConfig: secure, Protocol: 2, DisableIdentity: true,
			MaxRetries: -1, DialTimeout: dial, DialerRetries: 1, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, PoolTimeout: o.Timeout,
			ContextTimeoutEnabled: true, PoolSize: poolSize,
		})
	case cluster:
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
