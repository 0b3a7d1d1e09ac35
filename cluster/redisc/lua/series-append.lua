#!lua
-- Puts an entry at the end of a series, and lets those at its beginning go whose time is
-- over or for which there is no room. O(1), and O(1) for each that goes.
-- KEYS 1: a list of "number,until,sum,value": until in milliseconds, sum the bytes of all
-- values up to it; it expires. Numbers have no gaps. They begin with the time, so that
-- those of a series that was gone are below.
-- ARGV 1: the value; 2: how long it is kept, in milliseconds; 3: how many entries there
-- are at most; 4: how many bytes of values.
-- Gives the number of the last entry before, '' for none, and that of this one. Twice: two
-- entries.
local function read(entry)
  local number, ends, sum, value = string.match(entry, '^(%d+),(%d+),(%d+),()')
  return tonumber(number), tonumber(ends), tonumber(sum), #entry - value + 1
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local number, sum, before = t[1] * 1000000 + t[2], #ARGV[1], ''
local last = redis.call('LINDEX', KEYS[1], -1)
if last then
  local n, _, s = read(last)
  number, sum, before = n + 1, s + sum, string.format('%.0f', n)
end
local left = redis.call('RPUSH', KEYS[1], string.format('%.0f,%.0f,%.0f,', number, now + ARGV[2], sum) .. ARGV[1])
while true do
  local n, ends, upto, size = read(redis.call('LINDEX', KEYS[1], 0))
  if n == number or left <= tonumber(ARGV[3]) and ends > now and sum - upto + size <= tonumber(ARGV[4]) then break end
  redis.call('LPOP', KEYS[1])
  left = left - 1
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {before, string.format('%.0f', number)}
