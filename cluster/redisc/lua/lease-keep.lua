#!lua flags=allow-oom
-- Holds a lease for longer, under its token alone. O(1).
-- KEYS 1: the lease; 2: what stays of its name.
-- ARGV 1: the token; 2: how long it is held from now on; 3: how long the rest stays, both
-- in milliseconds.
-- Gives 1, or 0 where the lease is another's or nobody's.
if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
