#!lua flags=no-writes
-- letters: dead letters of a box in this shard, oldest first.
-- KEYS 1 dead, 2 letters
-- ARGV 1 id that they are above, 2 how many at most
-- Result {id, letter, ...}
-- Cost O(log(dead) + given)
local answer = {}
for i, id in ipairs(call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])) do
  answer[2 * i - 1] = id
  answer[2 * i] = call('HGET', KEYS[2], id)
end
return answer
