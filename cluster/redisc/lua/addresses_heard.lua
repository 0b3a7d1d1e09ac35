#!lua
-- addresses_heard: an account was heard. Where nothing is known of the person, nothing is
-- kept; where the account is not known as theirs, what is known is dropped.
-- KEYS 1 person
-- ARGV 1 field, 2 value, which begins with the time, 3 how long to keep it and 4 how long
--      to remember that it was dropped, in milliseconds
-- Result 0 nothing is known, 1 noted or older than what is known, 2 dropped
-- Twice: the same
-- Cost O(1)
local key = KEYS[1]
if redis.call('HEXISTS', key, 'f') == 0 then return 0 end
local known = redis.call('HGET', key, ARGV[1])
if not known then
  local t = redis.call('TIME')
  redis.call('UNLINK', key)
  redis.call('HSET', key, 'g', t[1] .. '.' .. t[2])
  redis.call('PEXPIRE', key, ARGV[4])
  return 2
end
if tonumber(string.match(known, '^%d+')) < tonumber(string.match(ARGV[2], '^%d+')) then
  redis.call('HSET', key, ARGV[1], ARGV[2])
end
redis.call('PEXPIRE', key, ARGV[3])
return 1
