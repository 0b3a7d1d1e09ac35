#!lua flags=allow-oom
-- stats: what a shard holds of a box, after putting those into the line whose lease
-- or wait is over.
-- KEYS 1 meta, 2-6 box, 7 dead
-- ARGV 1 name of the box
-- Result {items, items on the way to other shards, mailboxes with items, leased,
--      leased or delayed, dead, time of the oldest item or ''}
-- Cost O(log(waiting))
local b = box(2)
expire(b, now())
local n = call('HMGET', KEYS[1], 'items:' .. ARGV[1], 'away:' .. ARGV[1])
local oldest = call('ZRANGE', b.age, 0, 0, 'WITHSCORES')
return {
  tonumber(n[1] or '0'), tonumber(n[2] or '0'), call('ZCARD', b.age), call('HLEN', b.lease),
  call('ZCARD', b.wait), call('ZCARD', KEYS[7]), oldest[2] and text(tonumber(oldest[2])) or '',
}
