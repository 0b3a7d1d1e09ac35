#!lua flags=allow-oom
-- Says that a node is there, drops those that were not heard of, and gives all. As many
-- steps as there are nodes.
-- KEYS 1: a hash of id and what the node says of itself; 2: a zset of id and when it was
-- heard of. Both expire.
-- ARGV 1: the id, '' to only look; 2: what it says of itself, '' to leave; 3: for how many
-- milliseconds that counts.
-- Gives the server's time in microseconds, then of each node its id, when it was heard
-- of, and what it says.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
if ARGV[1] ~= '' and ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
elseif ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[2], string.format('%.0f', now), ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now - ARGV[3] * 1000))
for _, id in ipairs(gone) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
local answer = {string.format('%.0f', now)}
local there = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for i = 1, #there, 2 do
  answer[#answer + 1] = there[i]
  answer[#answer + 1] = there[i + 1]
  answer[#answer + 1] = redis.call('HGET', KEYS[1], there[i]) or ''
end
return answer
