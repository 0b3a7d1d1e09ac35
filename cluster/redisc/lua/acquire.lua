#!lua
-- Takes a lease that nobody holds, or that this holder has: then it goes on under the
-- same token. O(1).
-- KEYS 1: the lease, a hash of h holder and t token, which expires; 2: the counter of
-- its tokens, which stays.
-- ARGV 1: the holder, unlike any other; 2: how long it holds, in milliseconds.
-- Gives the token, or 0 and who holds it and for how many milliseconds yet.
local held = redis.call('HMGET', KEYS[1], 'h', 't')
if held[1] and held[1] ~= ARGV[1] then
  return {0, held[1], redis.call('PTTL', KEYS[1])}
end
local token = held[2] or tostring(redis.call('INCR', KEYS[2]))
redis.call('HSET', KEYS[1], 'h', ARGV[1], 't', token)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {tonumber(token), ARGV[1], tonumber(ARGV[2])}
