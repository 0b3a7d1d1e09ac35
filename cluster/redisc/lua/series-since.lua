#!lua flags=no-writes
-- Reads what a series holds behind an entry. O(entries that are given), and O(those before
-- them) over some dozens.
-- KEYS 1: a list of "number,until,sum,value", as series-append writes it.
-- ARGV 1: the number of the last entry that is known, '' for none; 2: how many are given
-- at most.
-- Gives the time in milliseconds, and the entries as they are, also those whose time is
-- over; nothing where none is behind.
local last = redis.call('LINDEX', KEYS[1], -1)
if not last then return {} end
local number = function(entry) return tonumber(string.match(entry, '^%d+')) end
local newest, after = number(last), tonumber(ARGV[1])
if after and after == newest then return {} end
local first = number(redis.call('LINDEX', KEYS[1], 0))
local from = first
-- One above all is of a history that a failover has cut off: all is read again.
if after and after < newest then from = math.max(first, after + 1) end
local t = redis.call('TIME')
return {t[1] * 1000 + math.floor(t[2] / 1000), redis.call('LRANGE', KEYS[1], from - first, from - first + ARGV[2] - 1)}
