#!lua flags=allow-oom
-- Takes a lease that nobody holds, or that this holder has: then it goes on under the
-- same token. O(1), and the size of the state.
-- KEYS 1: the lease, a hash of h holder, n node and t token, which expires; 2: what stays
-- of its name, a hash of t last token and s state.
-- ARGV 1: the holder, unlike any other; 2: its node; 3: how long it holds; 4: how long the
-- rest stays, both in milliseconds.
-- Gives the token and the state; or '', the node that holds it and for how many
-- milliseconds yet. A token is never below the time: it grows past a lost end of the
-- history too, and past what was forgotten.
local held = redis.call('HMGET', KEYS[1], 'h', 'n', 't')
if held[1] and held[1] ~= ARGV[1] then
  return {'', held[2], redis.call('PTTL', KEYS[1])}
end
local kept = redis.call('HMGET', KEYS[2], 't', 's')
local token = held[3]
if not token then
  local t = redis.call('TIME')
  token = string.format('%.0f', math.max(t[1] * 1000000 + t[2], tonumber(kept[1] or '0') + 1))
end
redis.call('HSET', KEYS[1], 'h', ARGV[1], 'n', ARGV[2], 't', token)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[2], 't', token)
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {token, kept[2] or ''}
