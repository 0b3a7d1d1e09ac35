#!lua flags=allow-oom
-- drop: removes a dead letter for good.
-- KEYS 1 dead, 2 letters
-- ARGV 1 letter's id
-- Result 1, 0 when the letter is gone
-- Cost O(log(dead))
call('ZREM', KEYS[1], ARGV[1])
return call('HDEL', KEYS[2], ARGV[1])
