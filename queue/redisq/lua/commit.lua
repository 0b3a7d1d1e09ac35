#!lua flags=allow-oom
-- commit: what a holder did, in one step. Drops or buries the finished items,
-- changes the memory, publishes into mailboxes of this shard, and appends what is
-- for other shards to the channels to them. Then the holder gets the next delivery
-- under a new token, or the lease ends. Run twice with one token it acts once. With
-- allow-oom: what was accepted must be able to leave a Redis that is full.
-- KEYS 1 mailbox, 2 items, 3 fields, 4 log, 5 meta, 6-10 box, 11 dead, 12 letters,
--      13 outs; then, named by ARGV, of a mailbox in this shard: mailbox, items; of
--      its box: the five; of a channel: the channel
-- ARGV 1 mailbox's id, 2 token, 3 items done, 4 reason of a burial or '', 5 attempts
--      of the first item, 6 entries to trim, 7 '1' to go on with the mailbox, '0' to
--      put it at the back of the line, 'f' at the front, 8 batch, 9 lease, 10 name of
--      the box, 11 number of the shard, 12 fields to set, 13 fields to remove,
--      14 entries to append, 15 items that go out; then
--      name, value of each field to set; name of each to remove; each entry;
--      of each item that goes out: name of its box, payload, settle, key, and
--      'here', KEYS index of the mailbox, KEYS index of the box, mailbox's id, or
--      'away', KEYS index of the channel, number of its shard, ''
-- Result {0} stale; {1, channels} done; {2, channels, token, attempt, note, items}
--      done, and here is the next delivery. channels is a list of KEYS index, number
--      of the first entry, where the channel was empty before.
-- Cost O(changes + items delivered); a trim is O(trimmed)
local id, token, done = ARGV[1], ARGV[2], tonumber(ARGV[3])
local b, meta = box(6), KEYS[5]
local batch, at = tonumber(ARGV[8]), now()

local function deliver(channels, mine, attempt)
  local note = call('HGET', KEYS[1], 'o')
  return {2, channels, mine, attempt, note, call('LRANGE', KEYS[2], 0, batch - 1)}
end

local held = call('HGET', b.lease, id)
if held ~= token then
  local was = call('HMGET', KEYS[1], 'v', 'h', 'n')
  if was[1] ~= token then return {0} end
  -- This commit was done before; its answer was lost.
  if held and held == was[2] then return deliver({}, held, tonumber(was[3])) end
  return {1, {}}
end

if done > 0 then
  if ARGV[4] ~= '' then
    local key = call('HGET', KEYS[1], 'k')
    local attempts = ARGV[5]
    local first = grow(meta, 'letter', math.floor(at / 1000), done)
    for i, item in ipairs(call('LRANGE', KEYS[2], 0, done - 1)) do
      local letter = text((first + i - 1) * 256 + ARGV[11])
      local head = table.concat({text(at), attempts, #key, #ARGV[4]}, ',')
      call('HSET', KEYS[12], letter, head .. ',' .. key .. ARGV[4] .. item)
      call('ZADD', KEYS[11], letter, letter)
      attempts = '0'
    end
  end
  call('LTRIM', KEYS[2], done, -1)
  count(meta, ARGV[10], -done)
  call('HDEL', KEYS[1], 'o')
end

local i = 16
for _ = 1, tonumber(ARGV[12]) do
  call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  i = i + 2
end
for _ = 1, tonumber(ARGV[13]) do
  call('HDEL', KEYS[3], ARGV[i])
  i = i + 1
end
if ARGV[6] ~= '0' then call('LTRIM', KEYS[4], ARGV[6], -1) end
for _ = 1, tonumber(ARGV[14]) do
  call('RPUSH', KEYS[4], ARGV[i])
  i = i + 1
end

local channels, known = {}, {}
for _ = 1, tonumber(ARGV[15]) do
  local name, payload, settle, key = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local k = tonumber(ARGV[i + 5])
  if ARGV[i + 4] == 'here' then
    local to = box(tonumber(ARGV[i + 6]))
    if admit(to, meta, name, ARGV[i + 7], KEYS[k], KEYS[k + 1], key, at, payload, settle) then wake(to) end
  else
    local number = text(grow(meta, 'sent', at, 1))
    local length = call('RPUSH', KEYS[k], table.concat({number, #key, settle}, ',') .. ',' .. key .. payload)
    call('HINCRBY', meta, 'away:' .. name, 1)
    if length == 1 then
      call('SADD', KEYS[13], ARGV[i + 6])
      channels[#channels + 1] = k
      channels[#channels + 1] = number
    end
  end
  i = i + 8
end

call('HSET', KEYS[1], 'v', token)
call('HDEL', KEYS[1], 'n', 't', 'h')
call('HDEL', b.lease, id)
local head = call('LINDEX', KEYS[2], 0)
if not head then
  arrange(b, id, KEYS[1], KEYS[2], at, 0, false)
  call('HDEL', KEYS[1], 'p', 'q')
  -- Without a memory only the token is kept, for a commit whose answer was lost.
  if call('EXISTS', KEYS[3], KEYS[4]) == 0 then call('PEXPIRE', KEYS[1], 60000) end
  return {1, channels}
end
local due, open = settled(KEYS[2])
if ARGV[7] == '1' and due <= at then
  local mine = text(grow(meta, 'token', at, 1))
  call('HSET', b.lease, id, mine)
  call('ZADD', b.wait, text(at + ARGV[9]), id)
  call('ZADD', b.age, text(published(head)), id)
  call('HSET', KEYS[1], 'n', '1', 't', mine, 'h', mine)
  if open then
    call('HSET', KEYS[1], 'p', '1', 'q', text(due))
  else
    call('HDEL', KEYS[1], 'p', 'q')
  end
  return deliver(channels, mine, 1)
end
arrange(b, id, KEYS[1], KEYS[2], at, 0, ARGV[7] ~= '0')
return {1, channels}
