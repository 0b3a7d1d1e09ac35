#!lua flags=allow-oom
-- reserve: one call that must be made, now or at its place in line. With allow-oom: what
-- was accepted must be able to leave a Redis that is full.
-- KEYS 1 account, 2 chat
-- ARGV 1 method, 2 and 3 every and burst of the account, 4 and 5 of the chat, 6 after
--      how long a place in the account's line is given up, 7 how long a place is kept
-- Result 0 it may be made and is counted, else how long to wait; microseconds
-- Twice: a call is counted that nobody makes; nothing is granted that was not
-- Cost O(1)
local every, burst = tonumber(ARGV[2]), tonumber(ARGV[3])
local chatEvery, chatBurst = tonumber(ARGV[4]), tonumber(ARGV[5])
local full, untilA, untilM = read(KEYS[1], 'full', 'until', 'm:' .. ARGV[1])
local chatFull, untilC, turn, slot = read(KEYS[2], 'full', 'until', 'turn', 'slot')

local blocked = math.max(untilA, untilM, untilC)
if blocked > now then return blocked - now end
local waited = turn > 0
if turn == 0 then turn, chatFull = take(chatFull, chatEvery, chatBurst) end
if turn > now then
  if not waited then
    store(KEYS[2], math.max(chatFull, turn + tonumber(ARGV[7])), 'full', chatFull, 'turn', turn)
  end
  return turn - now
end
local asked = slot == 0 or now - slot > tonumber(ARGV[6])
if asked then
  slot, full = take(full, every, burst)
end
if slot > now then
  if asked then
    store(KEYS[1], full, 'full', full)
    store(KEYS[2], math.max(chatFull, slot + tonumber(ARGV[7])), 'full', chatFull, 'turn', turn, 'slot', slot)
  end
  return slot - now
end
if every > 0 then
  full = used(full, every)
  store(KEYS[1], full, 'full', full)
end
chatFull = used(chatFull, chatEvery)
if waited then
  store(KEYS[2], chatFull, 'full', chatFull, 'turn', 0, 'slot', 0)
elseif chatEvery > 0 then
  store(KEYS[2], chatFull, 'full', chatFull)
end
return 0
