package redisq_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/parley-hub/parley/test/redistest"
)

// holds checks the invariants of docs/redis-protocol.md over everything that a test
// left on its servers.
func holds(t *testing.T, servers ...*redistest.Server) {
	t.Helper()
	boxes := 0
	for _, s := range servers {
		c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true})
		found, err := c.Keys(t.Context(), "*:meta").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, meta := range found {
			boxes += shardHolds(t, c, strings.TrimSuffix(meta, "meta"))
		}
		_ = c.Close()
	}
	if boxes == 0 {
		t.Error("nothing was there to be checked")
	}
}

// shardHolds checks one shard and gives how many boxes it has.
func shardHolds(t *testing.T, c *redis.Client, at string) int {
	t.Helper()
	ctx := t.Context()
	meta := c.HGetAll(ctx, at+"meta").Val()
	waiting := map[string]bool{}
	total, boxes := 0, 0
	for name, text := range meta {
		box, ok := strings.CutPrefix(name, "items:")
		if !ok {
			continue
		}
		boxes++
		line := c.LRange(ctx, at+"ready:"+box, 0, -1).Val()
		wait := c.ZRange(ctx, at+"wait:"+box, 0, -1).Val()
		lease := c.HKeys(ctx, at+"lease:"+box).Val()
		items := 0
		for _, id := range c.ZRange(ctx, at+"age:"+box, 0, -1).Val() {
			n := int(c.LLen(ctx, at+"i:"+id).Val())
			items += n
			waiting[id] = true
			if inLine, inWait := times(line, id), times(wait, id); n == 0 || inLine+inWait != 1 {
				t.Errorf("%s %s: mailbox %s with %d items is %d times in the line, %d times in the wait", at, box, id, n, inLine, inWait)
			}
		}
		for _, id := range slices.Concat(line, wait) {
			if !waiting[id] {
				t.Errorf("%s %s: mailbox %s stands in line or waits without items", at, box, id)
			}
		}
		for _, id := range lease {
			if times(wait, id) != 1 {
				t.Errorf("%s %s: the lease of %s never ends", at, box, id)
			}
		}
		if text != strconv.Itoa(items) {
			t.Errorf("%s %s: %s items are counted, %d are there", at, box, text, items)
		}
		if n := c.LLen(ctx, at+"wake:"+box).Val(); n > 64 {
			t.Errorf("%s %s: %d hints", at, box, n)
		}
		total += items
	}
	if meta["items"] != "" && meta["items"] != strconv.Itoa(total) {
		t.Errorf("%s: %s items are counted, %d are there", at, meta["items"], total)
	}
	for _, key := range c.Keys(ctx, strings.NewReplacer("{", "\\{", "}", "\\}").Replace(at)+"i:*").Val() {
		if !waiting[strings.TrimPrefix(key, at+"i:")] {
			t.Errorf("%s: the items are in no line", key)
		}
	}
	awayHolds(t, c, at, meta)
	return boxes
}

// awayHolds checks the channels of a shard.
func awayHolds(t *testing.T, c *redis.Client, at string, meta map[string]string) {
	t.Helper()
	ctx := t.Context()
	outs := c.SMembers(ctx, at+"outs").Val()
	counted, there := 0, 0
	for name, text := range meta {
		if strings.HasPrefix(name, "away:") {
			n, _ := strconv.Atoi(text)
			counted += n
		}
	}
	for _, to := range outs {
		there += int(c.LLen(ctx, at+"out:"+to).Val())
	}
	if counted != there {
		t.Errorf("%s: %d items are counted on their way, %d are there", at, counted, there)
	}
}

func times(list []string, id string) int {
	n := 0
	for _, one := range list {
		if one == id {
			n++
		}
	}
	return n
}
