#!lua flags=allow-oom
-- Says what a node has under way, drops the nodes that were silent for too long, and gives
-- what the others have. As many steps as there are nodes; the counts are not looked into.
-- KEYS 1: a hash of node and "microseconds counts"; it expires.
-- ARGV 1: the node; 2: its counts, '' for none; 3: after how many milliseconds of silence
-- counts weigh half; 4: nothing.
-- Gives for each other node 2 or 1, the halves its counts weigh, and the counts. Twice: the
-- same.
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now) .. ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
local answer = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if all[i] ~= ARGV[1] then
    local at, counts = string.match(all[i + 1], '^(%d+) (.*)$')
    local silent = at and (now - at) / 1000
    if not silent or silent >= tonumber(ARGV[4]) then
      redis.call('HDEL', KEYS[1], all[i])
    else
      answer[#answer + 1] = silent < tonumber(ARGV[3]) and 2 or 1
      answer[#answer + 1] = counts
    end
  end
end
return answer
