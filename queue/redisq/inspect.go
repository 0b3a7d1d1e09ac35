package redisq

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// inspect refuses servers that would lose what they accepted, or could not do the
// work. In a cluster every master is asked.
func (e *Engine) inspect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*e.o.Timeout)
	defer cancel()
	if all, ok := e.rdb.(*redis.ClusterClient); ok {
		var mu sync.Mutex
		masters := 0
		err := all.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error {
			mu.Lock()
			masters++
			mu.Unlock()
			return e.inspectOne(ctx, one)
		})
		if err != nil && strings.Contains(err.Error(), "cluster support disabled") {
			return refuse("this Redis is not a Cluster: its URL begins with redis://, not redis+cluster://")
		}
		if err == nil && masters == 0 {
			return refuse("the Redis Cluster has no masters: it was never created, or its hosts are not reachable from here")
		}
		return e.classify("open queue", err)
	}
	one, _ := e.rdb.(*redis.Client)
	return e.inspectOne(ctx, one)
}

func (e *Engine) inspectOne(ctx context.Context, one *redis.Client) error {
	text, err := one.Info(ctx, "everything").Result()
	if err != nil {
		return e.classify("open queue", err)
	}
	info := parseInfo(text)
	where := "Redis at " + one.Options().Addr
	version := info["redis_version"]
	major, _ := strconv.Atoi(strings.SplitN(version, ".", 2)[0])
	switch {
	case major < oldestMajor:
		return refuse(fmt.Sprintf("%s has version %q: %d.0 or newer is needed", where, version, oldestMajor))
	case info["cluster_enabled"] == "1" && e.form != cluster:
		return refuse(where + " is part of a Cluster: its URL begins with redis+cluster://")
	case info["role"] == "slave":
		return refuse(where + " is a replica, which takes no writes: name its master, or use redis+sentinel://")
	}
	if policy := info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		return refuse(fmt.Sprintf("%s throws keys away when its memory is full (maxmemory-policy %s), and with them messages: set maxmemory-policy noeviction", where, policy))
	}
	if info["aof_enabled"] == "0" {
		e.log.Warn().Str("redis", one.Options().Addr).Msg("Redis has no append-only file: when it crashes, all that was accepted since its last snapshot is lost; set appendonly yes")
	}
	return nil
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
