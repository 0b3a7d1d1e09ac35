#!lua flags=allow-oom
-- beat: extends leases that are still held.
-- KEYS 1 wait, 2 lease
-- ARGV 1 lease, then id, token of each
-- Result the ids whose lease was lost
-- Cost O(held * log(waiting))
local due, lost = text(now() + ARGV[1]), {}
for i = 2, #ARGV, 2 do
  if call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then
    call('ZADD', KEYS[1], due, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
