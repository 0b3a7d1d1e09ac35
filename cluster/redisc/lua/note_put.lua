#!lua
-- Keeps a value in place of all that a note held. O(marks of the note).
-- KEYS 1: the note, a hash of v value and m* marks, which expires.
-- ARGV 1: the value; 2: how long it is kept, in milliseconds.
-- Gives 1.
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'v', ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
