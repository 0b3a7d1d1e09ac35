#!lua flags=no-writes
-- Reads what a series holds behind an entry. O(entries that are given), and O(those before
-- them) over some dozens.
-- KEYS 1: a list of "number,until,sum,value", as series-append writes it.
-- ARGV 1: the number of the last entry that is known, '' for none; 2: how many are given
-- at most.
-- Gives for each its number, how many milliseconds it is still kept, and its value; '' for
-- one whose time is over.
local last = redis.call('LINDEX', KEYS[1], -1)
if not last then return {} end
local number = function(entry) return tonumber(string.match(entry, '^%d+')) end
local newest, first = number(last), number(redis.call('LINDEX', KEYS[1], 0))
local from = first
-- One above all is of a history that a failover has cut off: all is read again.
if ARGV[1] ~= '' and tonumber(ARGV[1]) <= newest then from = math.max(first, ARGV[1] + 1) end
if from > newest then return {} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local answer = {}
for _, entry in ipairs(redis.call('LRANGE', KEYS[1], from - first, from - first + ARGV[2] - 1)) do
  local n, ends, value = string.match(entry, '^(%d+),(%d+),%d+,()')
  local left = ends - now
  answer[#answer + 1] = n
  answer[#answer + 1] = left
  answer[#answer + 1] = left > 0 and string.sub(entry, value) or ''
end
return answer
