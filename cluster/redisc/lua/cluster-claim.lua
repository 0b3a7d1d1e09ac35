#!lua
-- Lays down whose cluster this is, if nobody did. O(1).
-- KEYS 1: a text, which stays.
-- ARGV 1: the identity.
-- Gives the one that stands.
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
