#!lua flags=no-writes
-- Reads what a series holds behind an entry. O(entries that are given).
-- KEYS 1: a stream of v value, u until when in milliseconds, s the bytes of all values up
-- to it.
-- ARGV 1: the id of the last entry that is known, '' for none; 2: how many are given at
-- most.
-- Gives for each its id, how many milliseconds it is still kept, and its value; '' for one
-- whose time is over.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
local answer = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', ARGV[2])) do
  local left = tonumber(entry[2][4]) - now
  answer[#answer + 1] = entry[1]
  answer[#answer + 1] = left
  answer[#answer + 1] = left > 0 and entry[2][2] or ''
end
return answer
