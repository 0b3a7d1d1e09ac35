#!lua
-- publish: appends an item unless its id is known or there is no room. Where the
-- publisher has a free slot itself and nobody stands before the mailbox, it gets the
-- lease with it, as by take and load. Without the flag allow-oom, so a Redis that is
-- full refuses it as a whole.
-- KEYS 1 meta, 2-5 seen, 6 mailbox, 7 items, 8-12 box, 13 fields, 14 log
-- ARGV 1 digest of box and id, 2 mailbox's id, 3 its key, 4 payload, 5 settle,
--      6 most items of a mailbox, 7 most items of the shard, 8 period of the ring,
--      9 name of the box, 10 lease, '' where there is no slot, 11 batch, 12 version of
--      the memory that the publisher has in process, '' for none
-- Result 1 accepted, 0 duplicate, -1 no room, or the key of the mailbox that a
-- claim in this shard gave the id to, or {token, what load gives}: accepted, and leased
-- Cost O(1), with a lease O(memory sent)
local found = seen(2, ARGV[1])
if found == '' then return 0 end
if found then return found end
if call('LLEN', KEYS[7]) >= tonumber(ARGV[6]) then return -1 end
if tonumber(call('HGET', KEYS[1], 'items') or '0') >= tonumber(ARGV[7]) then return -1 end
local at, b, id = now(), box(8), ARGV[2]
remember(KEYS[1], 2, ARGV[1], '', at, tonumber(ARGV[8]))
if not admit(b, KEYS[1], ARGV[9], id, KEYS[6], KEYS[7], ARGV[3], at, ARGV[4], tonumber(ARGV[5])) then return 1 end
if ARGV[10] == '' or call('LLEN', b.ready) > 1 then
  wake(b)
  return 1
end
call('LPOP', b.ready)
local token = text(grow(KEYS[1], 'token', at, 1))
call('HSET', b.lease, id, token)
return {token, deal(b, id, token, KEYS[6], KEYS[7], KEYS[13], KEYS[14], at, ARGV[10], ARGV[11], ARGV[12])}
