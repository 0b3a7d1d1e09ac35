#!lua flags=allow-oom
-- note: leaves a note on the first item.
-- KEYS 1 mailbox, 2 lease
-- ARGV 1 mailbox's id, 2 token, 3 note
-- Result 1, 0 when the lease was lost
-- Cost O(1)
if call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
call('HSET', KEYS[1], 'o', ARGV[3])
return 1
