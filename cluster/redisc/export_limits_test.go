package redisc

import (
	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/cluster"
)

// Redis gives the connection, for what a test looks at or spoils.
func (e *Engine) Redis() redis.UniversalClient { return e.rdb.UniversalClient }

// As gives another node on the same connection, under a prefix of its own.
func (e *Engine) As(prefix string) *Engine {
	o := e.o
	o.Prefix = prefix
	return &Engine{o: o, log: e.log, rdb: e.rdb}
}

// ChatLimitKey is where the limits of a call's chat are kept.
func (e *Engine) ChatLimitKey(c cluster.Call) string {
	return chatLimitKey(e.o.Prefix, c.Account, c.Chat)
}
