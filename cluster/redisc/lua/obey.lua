#!lua flags=allow-oom
-- obey: the platform told to wait.
-- KEYS 1 account, 2 chat
-- ARGV 1 method, 2 scope (account, chat, method; anything else is unknown), 3 the wait,
--      4 digest of the chat, 5 how close two chats must be told to mean the account;
--      microseconds
-- Result 0
-- Twice: the same again, a little later
-- Cost O(1)
local till = now + tonumber(ARGV[3])
local untilA, untilM, toldat = read(KEYS[1], 'until', 'm:' .. ARGV[1], 'toldat')
local untilC = read(KEYS[2], 'until')
if ARGV[2] == 'account' then
  till = math.max(untilA, till)
  store(KEYS[1], till, 'until', till)
elseif ARGV[2] == 'method' then
  till = math.max(untilM, till)
  store(KEYS[1], till, 'm:' .. ARGV[1], till)
else
  till = math.max(untilC, till)
  store(KEYS[2], till, 'until', till)
  if ARGV[2] ~= 'chat' then
    local close = tonumber(ARGV[5])
    local told = redis.call('HGET', KEYS[1], 'told')
    redis.call('HSET', KEYS[1], 'told', ARGV[4])
    store(KEYS[1], now + close, 'toldat', now)
    if told and told ~= ARGV[4] and now - toldat <= close then
      untilA = math.max(untilA, now + tonumber(ARGV[3]))
      store(KEYS[1], untilA, 'until', untilA)
    end
  end
end
return 0
