package redisq

import "github.com/parley-hub/parley/queue"

// ByBox places all mailboxes of a box in one shard of three, each box in another:
// every commit then publishes across shards, and each box has one line.
func ByBox(o Options) Options {
	o.Shards = 3
	o.place = func(key queue.Key, _ uint64, _ int) int {
		switch key.Box {
		case queue.Inbox:
			return 0
		case queue.Outbox:
			return 1
		default:
			return 2
		}
	}
	return o
}
