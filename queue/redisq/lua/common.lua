-- What the scripts share; it stands in front of each of them. The rules of the
-- data are in docs/redis-protocol.md.
--
-- Every time is the server's, in microseconds; such numbers, and the tokens made
-- of them, are below 2^53 and go out as text, since Lua would print them rounded.

local call = redis.call

local function now()
  local t = call('TIME')
  return t[1] * 1000000 + t[2]
end

local function text(n) return string.format('%.0f', n) end

-- grow gives the first of `count` numbers that are larger than all that this
-- field ever gave: the time itself, so that they grow even where the end of the
-- history was lost in a failover.
local function grow(meta, field, at, count)
  local last = tonumber(call('HGET', meta, field) or '0')
  local first = math.max(last + 1, at)
  call('HSET', meta, field, text(first + count - 1))
  return first
end

-- box gives the keys of a box, which stand in this order from KEYS[i] on.
local function box(i)
  return {ready = KEYS[i], wait = KEYS[i + 1], lease = KEYS[i + 2], age = KEYS[i + 3], wake = KEYS[i + 4]}
end

-- wake leaves a hint for whoever blocks on the wake list. The bound keeps it small
-- while nobody does.
local function wake(b)
  if call('LLEN', b.wake) < 64 then call('RPUSH', b.wake, '1') end
end

-- delay lets a mailbox wait. Whoever waits for work looks again every second and
-- sleeps exactly until the next wait is over; of a shorter one it must hear.
local function delay(b, id, at, due)
  call('ZADD', b.wait, text(due), id)
  if due - at < 1000000 then wake(b) end
end

-- count changes how many items the shard and the box hold.
local function count(meta, name, by)
  call('HINCRBY', meta, 'items', by)
  call('HINCRBY', meta, 'items:' .. name, by)
end

-- published reads the head of an item: its time, and how long it settles.
local function published(item)
  local at, settle = string.match(item, '^(%d+),(%d+),')
  return tonumber(at), tonumber(settle)
end

-- settled gives when the leading run of items that settle has settled (0 where the
-- first does not), and whether that run is the whole list.
local function settled(items)
  local due, from, size = 0, 0, 1
  while true do
    local part = call('LRANGE', items, from, from + size - 1)
    for _, item in ipairs(part) do
      local at, settle = published(item)
      if settle == 0 then return due, false end
      due = math.max(due, at + settle)
    end
    if #part < size then return due, true end
    from, size = from + size, 16
  end
end

-- admit appends an item. An empty mailbox becomes ready or, where the item
-- settles, delayed; one in which everything settles settles longer. A held one is
-- left to its holder's next commit or release. It gives true where the mailbox came
-- into the line, of which the caller gives a hint.
local function admit(b, meta, name, id, m, items, key, at, payload, settle)
  local n = call('RPUSH', items, text(at) .. ',' .. payload)
  count(meta, name, 1)
  local held = call('HEXISTS', b.lease, id) == 1
  if n == 1 and not held then
    call('HSET', m, 'k', key)
    call('PERSIST', m)
    call('ZADD', b.age, text(at), id)
    if settle > 0 then
      call('HSET', m, 'p', '1', 'q', text(at + settle))
      delay(b, id, at, at + settle)
    else
      call('RPUSH', b.ready, id)
    end
    return settle == 0
  end
  local run = call('HMGET', m, 'p', 'q')
  if run[1] ~= '1' then return end
  if settle == 0 then
    call('HDEL', m, 'p')
    return
  end
  local due = math.max(tonumber(run[2]), at + settle)
  call('HSET', m, 'q', text(due))
  if not held and call('ZSCORE', b.wait, id) then
    call('ZADD', b.wait, 'GT', text(due), id)
  end
end

-- arrange puts a mailbox that nobody holds where it belongs: into the wait until
-- `retry` is over and its items have settled, else into the line, at the front or at
-- the back. It gives false for an empty one.
local function arrange(b, id, m, items, at, retry, front)
  local head = call('LINDEX', items, 0)
  if not head then
    call('ZREM', b.age, id)
    call('ZREM', b.wait, id)
    return false
  end
  call('ZADD', b.age, text(published(head)), id)
  local due, open = settled(items)
  if open then
    call('HSET', m, 'p', '1', 'q', text(due))
  else
    call('HDEL', m, 'p', 'q')
  end
  due = math.max(due, retry)
  if due > at then
    delay(b, id, at, due)
    return true
  end
  call('ZREM', b.wait, id)
  call(front and 'LPUSH' or 'RPUSH', b.ready, id)
  wake(b)
  return true
end

-- deal gives the holder of a lease its first delivery and counts the attempt, once for
-- one token: {attempt, note, version, key, items, fields, log}, the last two only where
-- the version is not `known`. It gives nothing where the mailbox must settle first.
local function deal(b, id, token, m, items, fields, log, at, lease, batch, known)
  local s = call('HMGET', m, 'n', 't', 'o', 'v', 'k', 'p', 'q')
  local tries, note, version = tonumber(s[1] or '0'), s[3], s[4] or ''
  if s[2] ~= token then
    -- An item that came while the mailbox stood in line may have made it settle longer.
    if s[6] == '1' and tonumber(s[7]) > at then
      call('HDEL', b.lease, id)
      delay(b, id, at, tonumber(s[7]))
      return {}
    end
    tries = tries + 1
    call('HSET', m, 'n', tries, 't', token)
  end
  call('ZADD', b.wait, text(at + lease), id)
  local list = call('LRANGE', items, 0, batch - 1)
  if version ~= '' and version == known then return {tries, note, version, s[5], list} end
  return {tries, note, version, s[5], list, call('HGETALL', fields), call('LRANGE', log, 0, -1)}
end

-- expire puts mailboxes whose lease or wait is over into the line.
local function expire(b, at)
  local due = call('ZRANGEBYSCORE', b.wait, '-inf', text(at), 'LIMIT', 0, 128)
  for _, id in ipairs(due) do
    call('ZREM', b.wait, id)
    call('HDEL', b.lease, id)
    call('RPUSH', b.ready, id)
  end
end

-- seen looks an item's digest up in the four slots of the ring from KEYS[i] on.
local function seen(i, digest)
  for slot = i, i + 3 do
    local value = call('HGET', KEYS[slot], digest)
    if value then return value end
  end
  return nil
end

-- remember writes a digest into the ring's present slot. A slot lasts `period`; then
-- the oldest is emptied and becomes the present one, so that an id is known for
-- three periods at least.
local function remember(meta, i, digest, value, at, period)
  local ring = call('HMGET', meta, 'slot', 'turned')
  local slot = tonumber(ring[1] or '0')
  if not ring[1] then
    call('HSET', meta, 'slot', '0', 'turned', text(at))
  elseif at - tonumber(ring[2]) >= period then
    slot = (slot + 1) % 4
    call('UNLINK', KEYS[i + slot])
    call('HSET', meta, 'slot', slot, 'turned', text(at))
  end
  call('HSET', KEYS[i + slot], digest, value)
end
