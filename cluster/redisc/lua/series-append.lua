#!lua
-- Puts an entry at the end of a series, and lets those at its beginning go whose time is
-- over or for which there is no room. O(1), and O(1) for each that goes.
-- KEYS 1: a stream of v value, u until when in milliseconds, s the bytes of all values up
-- to it; it expires.
-- ARGV 1: the value; 2: how long it is kept, in milliseconds; 3: how many entries there
-- are at most; 4: how many bytes of values.
-- Gives the id of the last entry before, '' for none, and that of this one. Twice: two
-- entries.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local sum, before = #ARGV[1], ''
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last then
  before, sum = last[1], sum + last[2][6]
end
local at = redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], '*',
  'v', ARGV[1], 'u', string.format('%.0f', now + ARGV[2]), 's', string.format('%.0f', sum))
while true do
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  local value, ends, upto = first[2][2], tonumber(first[2][4]), tonumber(first[2][6])
  if first[1] == at or ends > now and sum - upto + #value <= tonumber(ARGV[4]) then break end
  redis.call('XDEL', KEYS[1], first[1])
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {before, at}
