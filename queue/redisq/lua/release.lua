#!lua flags=allow-oom
-- release: ends a lease without a commit. The mailbox comes again after the wait;
-- without one it goes to the front of the line.
-- KEYS 1 mailbox, 2 items, 3-7 box
-- ARGV 1 mailbox's id, 2 token, 3 attempts of the first item, 4 wait
-- Result 1, 0 when the lease was lost
-- Cost O(log(waiting)), and the length of a leading run of items that settle
local b, id = box(3), ARGV[1]
if call('HGET', b.lease, id) ~= ARGV[2] then return 0 end
local at, wait, retry = now(), tonumber(ARGV[4]), 0
if wait > 0 then retry = at + wait end
call('HDEL', b.lease, id)
call('HDEL', KEYS[1], 't', 'h')
call('HSET', KEYS[1], 'n', ARGV[3])
arrange(b, id, KEYS[1], KEYS[2], at, retry, true)
return 1
