#!lua flags=allow-oom
-- Gives a lease back, under its token alone, and says so to who waits for it. O(1).
-- KEYS 1: the lease.
-- ARGV 1: the token; 2: the channel of hints; 3: the name. The hint may be lost: a user
-- that may not publish costs no more than the wait.
-- Gives 1, or 0 where it was another's or nobody's.
if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
redis.call('UNLINK', KEYS[1])
redis.pcall('PUBLISH', ARGV[2], ARGV[3])
return 1
