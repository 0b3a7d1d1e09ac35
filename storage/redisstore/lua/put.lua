#!lua
-- Changes one entry of a space, if it is as expected and fits. O(1).
-- KEYS 1: the space, a hash of u, the bytes in use, and n* entries.
-- ARGV 1: the name; 2: the quota in bytes; 3: "set" or "del"; 4: the value; 5: "any",
-- "none" or "is", what must be there; 6: the value that must be.
-- Gives 1 when it is done, 0 when another value was there, -1 when it does not fit.
local field = 'n' .. ARGV[1]
local was = redis.call('HGET', KEYS[1], field)
if ARGV[5] == 'none' and was or ARGV[5] == 'is' and was ~= ARGV[6] then
  return 0
end
local grows = 0
if was then grows = grows - #ARGV[1] - #was end
if ARGV[3] == 'set' then grows = grows + #ARGV[1] + #ARGV[4] end
local used = tonumber(redis.call('HGET', KEYS[1], 'u') or '0')
if grows > 0 and used + grows > tonumber(ARGV[2]) then
  return -1
end
if ARGV[3] == 'set' then
  redis.call('HSET', KEYS[1], field, ARGV[4], 'u', string.format('%.0f', used + grows))
elseif was then
  redis.call('HDEL', KEYS[1], field)
  redis.call('HSET', KEYS[1], 'u', string.format('%.0f', used + grows))
end
if redis.call('HLEN', KEYS[1]) == 1 then
  redis.call('UNLINK', KEYS[1])
end
return 1
