#!lua flags=allow-oom
-- trim: drops from a channel what the other shard has received.
-- KEYS 1 meta, 2 channel, 3 outs
-- ARGV 1 number of the other shard, 2 the last number it received
-- Result how many entries are left
-- Cost O(dropped)
local last = tonumber(ARGV[2])
while true do
  local entry = call('LINDEX', KEYS[2], 0)
  if not entry then
    call('SREM', KEYS[3], ARGV[1])
    return 0
  end
  -- The key stands behind the head and begins with the length of its box's name.
  local number, length, first = string.match(entry, '^(%d+),%d+,%d+,(%d+):()')
  if tonumber(number) > last then return call('LLEN', KEYS[2]) end
  call('LPOP', KEYS[2])
  call('HINCRBY', KEYS[1], 'away:' .. string.sub(entry, first, first + length - 1), -1)
end
