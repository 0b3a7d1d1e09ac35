#!lua flags=allow-oom
-- receive: takes entries of a channel from another shard, each once: what is not
-- above the last number is known. The caller gives them from the channel's front.
-- KEYS 1 meta; then, named by ARGV, of each mailbox: mailbox, items; of its box: the
--      five
-- ARGV 1 number of the shard they come from; then of each entry: its number, name of
--      its box, payload, settle, key, KEYS index of the mailbox, KEYS index of the
--      box, mailbox's id
-- Result the last number received
-- Cost O(entries)
local field, at = 'from:' .. ARGV[1], now()
local last = tonumber(call('HGET', KEYS[1], field) or '0')
for i = 2, #ARGV, 8 do
  local number = tonumber(ARGV[i])
  if number > last then
    last = number
    local k, b = tonumber(ARGV[i + 5]), box(tonumber(ARGV[i + 6]))
    local ready = admit(b, KEYS[1], ARGV[i + 1], ARGV[i + 7], KEYS[k], KEYS[k + 1], ARGV[i + 4], at, ARGV[i + 2], tonumber(ARGV[i + 3]))
    if ready then wake(b) end
  end
end
call('HSET', KEYS[1], field, text(last))
return text(last)
