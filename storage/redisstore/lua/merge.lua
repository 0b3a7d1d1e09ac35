#!lua
-- Takes in entries of another space where their names are free. O(entries).
-- KEYS 1: the space, as in put.lua.
-- ARGV: names and values in turn.
-- Gives how many were taken.
local used = tonumber(redis.call('HGET', KEYS[1], 'u') or '0')
local taken = 0
for i = 1, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], 'n' .. ARGV[i]) == 0 then
    redis.call('HSET', KEYS[1], 'n' .. ARGV[i], ARGV[i + 1])
    used = used + #ARGV[i] + #ARGV[i + 1]
    taken = taken + 1
  end
end
if taken > 0 then
  redis.call('HSET', KEYS[1], 'u', string.format('%.0f', used))
end
return taken
