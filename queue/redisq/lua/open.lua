#!lua
-- open: the first engine lays down the form of the store, every other must agree.
-- KEYS 1 store
-- ARGV 1 format of the data, 2 shards wished for (0: as it is), 3 shards of a new store
-- Result {format, shards} as they stand
-- Cost O(1)
if call('EXISTS', KEYS[1]) == 0 then
  local shards = ARGV[2]
  if shards == '0' then shards = ARGV[3] end
  call('HSET', KEYS[1], 'format', ARGV[1], 'shards', shards)
end
return call('HMGET', KEYS[1], 'format', 'shards')
