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
return deal(b, id, ARGV[2], KEYS[1], KEYS[2], KEYS[3], KEYS[4], now(), ARGV[3], ARGV[4], ARGV[5])
