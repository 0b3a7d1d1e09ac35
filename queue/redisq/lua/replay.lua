#!lua flags=allow-oom
-- replay: puts a dead letter's item at the end of its mailbox.
-- KEYS 1 dead, 2 letters, 3 meta, 4 mailbox, 5 items, 6-10 box
-- ARGV 1 letter's id, 2 name of the box, 3 mailbox's id, 4 its key, 5 payload, 6 settle
-- Result 1, 0 when the letter is gone
-- Cost O(log(dead))
if call('HDEL', KEYS[2], ARGV[1]) == 0 then return 0 end
call('ZREM', KEYS[1], ARGV[1])
local b = box(6)
if admit(b, KEYS[3], ARGV[2], ARGV[3], KEYS[4], KEYS[5], ARGV[4], now(), ARGV[5], tonumber(ARGV[6])) then wake(b) end
return 1
