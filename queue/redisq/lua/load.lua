#!lua flags=allow-oom
-- load: gives the holder of a fresh lease its delivery and counts the attempt. Run
-- twice with one token it counts once.
-- KEYS 1 mailbox, 2 items, 3 fields, 4 log, 5-9 box
-- ARGV 1 mailbox's id, 2 token, 3 lease, 4 batch, 5 version of the memory that the
--      holder has in process, '' for none
-- Result {} when the lease was lost or the mailbox must settle first, else
--      {attempt, note, version, key, items, fields, log}; fields and log are nil where
--      the version is the holder's
-- Cost O(items delivered + memory sent)
local b, id = box(5), ARGV[1]
if call('HGET', b.lease, id) ~= ARGV[2] then return {} end
local at = now()
local m = call('HMGET', KEYS[1], 'n', 't', 'o', 'v', 'k', 'p', 'q')
local tries, note, version = tonumber(m[1] or '0'), m[3], m[4] or ''
if m[2] ~= ARGV[2] then
  -- An item that came while the mailbox stood in line may have made it settle longer.
  if m[6] == '1' and tonumber(m[7]) > at then
    call('HDEL', b.lease, id)
    delay(b, id, at, tonumber(m[7]))
    return {}
  end
  tries = tries + 1
  call('HSET', KEYS[1], 'n', tries, 't', ARGV[2])
end
call('ZADD', b.wait, text(at + ARGV[3]), id)
local items = call('LRANGE', KEYS[2], 0, ARGV[4] - 1)
if version ~= '' and version == ARGV[5] then return {tries, note, version, m[5], items} end
return {tries, note, version, m[5], items, call('HGETALL', KEYS[3]), call('LRANGE', KEYS[4], 0, -1)}
