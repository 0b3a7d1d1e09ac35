#!lua flags=allow-oom
-- Makes a mark of a note, unless one of its name and at least its rank is there, and
-- keeps the note for longer. O(marks of the note).
-- KEYS 1: the note, a hash of v value and m* marks, which expires.
-- ARGV 1: the mark's name; 2: its rank; 3: its value; 4: how long the note is kept, in
-- milliseconds. It is taken by a full Redis too: what was accepted waits for it.
-- Gives 1 or 0: is the mark new; the time in milliseconds; then for each mark its name
-- and "rank,time it was made,value".
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local was = redis.call('HGET', KEYS[1], 'm' .. ARGV[1])
local moved = 0
if not was or tonumber(string.match(was, '^-?%d+')) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'm' .. ARGV[1], ARGV[2] .. ',' .. string.format('%.0f', now) .. ',' .. ARGV[3])
  moved = 1
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local all = redis.call('HGETALL', KEYS[1])
local out = {moved, now}
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 1) == 'm' then
    out[#out + 1] = string.sub(all[i], 2)
    out[#out + 1] = all[i + 1]
  end
end
return out
