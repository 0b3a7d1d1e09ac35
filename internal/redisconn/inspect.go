package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/core/fault"
)

// oldestMajor is the first release of Redis whose scripts have flags.
const oldestMajor = 7

// Inspect refuses servers that would lose what they accepted, or could not do the
// work: its fault needs a human where only the configuration or another Redis helps. In
// a Cluster every master is asked. It tells of each server's state.
func (c *Client) Inspect(ctx context.Context) ([]Server, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*c.timeout)
	defer cancel()
	if all, ok := c.UniversalClient.(*redis.ClusterClient); ok {
		var mu sync.Mutex
		var servers []Server
		err := all.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error {
			s, err := c.inspect(ctx, one)
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
		return servers, Classify("open redis", err)
	}
	one, _ := c.UniversalClient.(*redis.Client)
	s, err := c.inspect(ctx, one)
	return []Server{s}, Classify("open redis", err)
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
