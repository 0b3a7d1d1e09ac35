package redisconn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/core/fault"
)

// oldestMajor is the first release of Redis whose scripts have flags.
const oldestMajor = 7

// Inspect refuses servers that would lose what they accepted, or could not do the
// work: its fault needs a human where only the configuration or another Redis helps. In
// a Cluster every master is asked. It tells of each server's state.
func (c *Client) Inspect(ctx context.Context) ([]Server, error) {
	return c.each(ctx, c.inspect)
}

// Examine does what Inspect does, and asks each server also how it writes its file and
// what its clock says, which takes rights that a hub does not need: what is refused stays
// empty.
func (c *Client) Examine(ctx context.Context) ([]Server, error) {
	return c.each(ctx, func(ctx context.Context, one *redis.Client) (Server, error) {
		s, err := c.inspect(ctx, one)
		if err != nil {
			return s, err
		}
		if set, err := one.ConfigGet(ctx, "appendfsync").Result(); err == nil {
			s.Fsync = set["appendfsync"]
		}
		if set, err := one.ConfigGet(ctx, "aof-load-truncated").Result(); err == nil {
			s.LoadsTruncated = set["aof-load-truncated"] == "yes"
		}
		before := time.Now()
		if at, err := one.Time(ctx).Result(); err == nil {
			s.Ahead = at.Sub(before.Add(time.Since(before) / 2))
		}
		return s, nil
	})
}

// each asks every server that takes writes.
func (c *Client) each(ctx context.Context, ask func(context.Context, *redis.Client) (Server, error)) ([]Server, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*c.timeout)
	defer cancel()
	all, ok := c.UniversalClient.(*redis.ClusterClient)
	if !ok {
		one, _ := c.UniversalClient.(*redis.Client)
		s, err := ask(ctx, one)
		return []Server{s}, Classify("open redis", err)
	}
	var mu sync.Mutex
	var servers []Server
	err := all.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error {
		s, err := ask(ctx, one)
		mu.Lock()
		defer mu.Unlock()
		servers = append(servers, s)
		return err
	})
	if err != nil && strings.Contains(err.Error(), "cluster support disabled") {
		return nil, refuse("this Redis is not a Cluster: its URL begins with redis://, not redis+cluster://")
	}
	if err == nil && len(servers) == 0 {
		return nil, refuse("the Redis Cluster has no masters: it was never created, or its hosts are not reachable from here")
	}
	slices.SortFunc(servers, func(x, y Server) int { return strings.Compare(x.Address, y.Address) })
	return servers, Classify("open redis", err)
}

func (c *Client) inspect(ctx context.Context, one *redis.Client) (Server, error) {
	text, err := one.Info(ctx, "everything").Result()
	if err != nil {
		return Server{}, err
	}
	info := parseInfo(text)
	where := "Redis at " + one.Options().Addr
	version := info["redis_version"]
	major, _ := strconv.Atoi(strings.SplitN(version, ".", 2)[0])
	switch {
	case major < oldestMajor:
		return Server{}, refuse(fmt.Sprintf("%s has version %q: %d.0 or newer is needed", where, version, oldestMajor))
	case info["cluster_enabled"] == "1" && c.form != Cluster:
		return Server{}, refuse(where + " is part of a Cluster: its URL begins with redis+cluster://")
	case info["role"] == "slave":
		return Server{}, refuse(where + " is a replica, which takes no writes: name its master, or use redis+sentinel://")
	}
	if policy := info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		return Server{}, refuse(fmt.Sprintf("%s throws keys away when its memory is full (maxmemory-policy %s), and with them messages: set maxmemory-policy noeviction", where, policy))
	}
	replicas, _ := strconv.Atoi(info["connected_slaves"])
	return Server{Address: one.Options().Addr, Version: version, AppendOnly: info["aof_enabled"] == "1", Replicas: replicas}, nil
}

// refuse is for what only a human can help.
func refuse(why string) error { return fault.New(fault.NeedsHuman, "open redis", errors.New(why)) }

// Server is what a server of Redis says of itself.
type Server struct {
	Address string
	Version string
	// AppendOnly tells whether it writes what it accepts into a file as it comes.
	AppendOnly bool
	// Replicas is how many follow it now.
	Replicas int
	// Fsync is how it brings the file to the disk: always, everysec or no. LoadsTruncated
	// tells whether it starts with a file that ends in the middle of a step. Ahead is how
	// much its clock is ahead of this machine's. All only from Examine.
	Fsync          string
	LoadsTruncated bool
	Ahead          time.Duration
}

// parseInfo reads the answer of INFO: lines of name:value.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}
