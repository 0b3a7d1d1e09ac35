#!lua flags=allow-oom
-- allow: one call that may as well not be made, now or not at all.
-- KEYS 1 account, 2 chat
-- ARGV 1 method, 2 and 3 every and burst of the account, 4 and 5 of the chat
-- Result 1 it may be made and is counted, else 0
-- Twice: a call is counted that nobody makes
-- Cost O(1)
local every, burst = tonumber(ARGV[2]), tonumber(ARGV[3])
local chatEvery, chatBurst = tonumber(ARGV[4]), tonumber(ARGV[5])
local full, untilA, untilM = read(KEYS[1], 'full', 'until', 'm:' .. ARGV[1])
local chatFull, untilC = read(KEYS[2], 'full', 'until')

if math.max(untilA, untilM, untilC) > now then return 0 end
if not spare(full, every, burst) or not spare(chatFull, chatEvery, chatBurst) then return 0 end
local _
if every > 0 then
  _, full = take(full, every, burst)
  store(KEYS[1], full, 'full', full)
end
if chatEvery > 0 then
  _, chatFull = take(chatFull, chatEvery, chatBurst)
  store(KEYS[2], chatFull, 'full', chatFull)
end
return 1
