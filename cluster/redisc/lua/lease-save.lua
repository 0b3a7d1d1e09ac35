#!lua
-- Saves the state of a lease, under its token alone. The size of the state.
-- KEYS 1: the lease; 2: what stays of its name.
-- ARGV 1: the token; 2: the state.
-- Gives 1, or 0 where the lease is another's or nobody's: then nothing is changed.
if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 's', ARGV[2])
return 1
