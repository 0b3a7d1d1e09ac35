#!lua
-- claim: decides, in the home shard of an item's id, into which mailbox that item
-- goes. Needed where the mailbox is in another shard; the decision stays, so that a
-- repeat with another key finds the first one.
-- KEYS 1 meta, 2-5 seen
-- ARGV 1 digest of box and id, 2 the mailbox's key, 3 period of the ring
-- Result '' when the item was stored in this very shard, else the key that holds
-- Cost O(1)
local found = seen(2, ARGV[1])
if found then return found end
remember(KEYS[1], 2, ARGV[1], ARGV[2], now(), tonumber(ARGV[3]))
return ARGV[2]
