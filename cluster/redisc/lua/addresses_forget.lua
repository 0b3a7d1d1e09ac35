#!lua flags=allow-oom
-- addresses_forget: drops what is known of a person, and what is on its way to be filled in.
-- KEYS 1 person
-- ARGV 1 how long to remember that it was dropped, in milliseconds: longer than any read of
--      the records lasts
-- Result 0
-- Twice: the same
-- Cost O(addresses)
local t = redis.call('TIME')
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'g', t[1] .. '.' .. t[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 0
