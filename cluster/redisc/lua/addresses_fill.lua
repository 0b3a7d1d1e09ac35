#!lua
-- addresses_fill: keeps what was read of a person, unless something changed since.
-- KEYS 1 person
-- ARGV 1 ticket, 2 how long to keep it in milliseconds, 3 wish, then field and value of
--      each address
-- Result 1 kept, 0 not
-- Twice: the same
-- Cost O(addresses)
local key = KEYS[1]
if (redis.call('HGET', key, 'g') or '') ~= ARGV[1] or redis.call('HEXISTS', key, 'f') == 1 then return 0 end
redis.call('HSET', key, 'f', '1', 'w', ARGV[3])
for i = 4, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', key, ARGV[2])
return 1
