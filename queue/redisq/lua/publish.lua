#!lua
-- publish: appends an item unless its id is known or there is no room. Without the
-- flag allow-oom, so a Redis that is full refuses it as a whole.
-- KEYS 1 meta, 2-5 seen, 6 mailbox, 7 items, 8-12 box
-- ARGV 1 digest of box and id, 2 mailbox's id, 3 its key, 4 payload, 5 settle,
--      6 most items of a mailbox, 7 most items of the shard, 8 period of the ring,
--      9 name of the box
-- Result 1 accepted, 0 duplicate, -1 no room, or the key of the mailbox that a
-- claim in this shard gave the id to
-- Cost O(1)
local found = seen(2, ARGV[1])
if found == '' then return 0 end
if found then return found end
if call('LLEN', KEYS[7]) >= tonumber(ARGV[6]) then return -1 end
if tonumber(call('HGET', KEYS[1], 'items') or '0') >= tonumber(ARGV[7]) then return -1 end
local at = now()
remember(KEYS[1], 2, ARGV[1], '', at, tonumber(ARGV[8]))
admit(box(8), KEYS[1], ARGV[9], ARGV[2], KEYS[6], KEYS[7], ARGV[3], at, ARGV[4], tonumber(ARGV[5]))
return 1
