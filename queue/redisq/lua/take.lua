#!lua flags=allow-oom
-- take: leases mailboxes from the front of the line, after putting those into it
-- whose lease or wait is over. It does not touch the mailboxes themselves: load does,
-- with their keys declared, and counts the attempt.
-- KEYS 1 meta, 2-6 box
-- ARGV 1 how many, 2 lease
-- Result {microseconds until the next lease or wait is over, -1 for none; id, token, ...}
-- Cost O(taken + log(waiting))
local at, b = now(), box(2)
expire(b, at)
local ids = call('LPOP', b.ready, ARGV[1]) or {}
local answer = {-1}
if #ids > 0 then
  local token = grow(KEYS[1], 'token', at, #ids)
  for i, id in ipairs(ids) do
    local mine = text(token + i - 1)
    call('HSET', b.lease, id, mine)
    call('ZADD', b.wait, text(at + ARGV[2]), id)
    answer[2 * i] = id
    answer[2 * i + 1] = mine
  end
  if call('LLEN', b.ready) > 0 then wake(b) end
end
local next = call('ZRANGE', b.wait, 0, 0, 'WITHSCORES')
if next[2] then answer[1] = math.max(0, tonumber(next[2]) - at) end
return answer
