-- What the scripts of the limits share; it stands in reserve, allow and obey,
-- behind their first line.
-- Times are the server's, in microseconds: below 2^53, and stored as text since Lua
-- would print them rounded. A bucket is one time: when it is full again.

local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]

-- read gives fields as numbers, 0 for those that are not there.
local function read(key, ...)
  local values = redis.call('HMGET', key, ...)
  for i = 1, #values do values[i] = tonumber(values[i] or '0') end
  return unpack(values)
end

-- store sets fields (name, number, ...; 0 takes one away) and lets the key live until
-- `till` at least.
local function store(key, till, ...)
  local fields, put, del = {...}, {}, {}
  for i = 1, #fields, 2 do
    if fields[i + 1] == 0 then
      del[#del + 1] = fields[i]
    else
      put[#put + 1] = fields[i]
      put[#put + 1] = string.format('%.0f', fields[i + 1])
    end
  end
  if #del > 0 then redis.call('HDEL', key, unpack(del)) end
  if #put > 0 then redis.call('HSET', key, unpack(put)) end
  -- To a point in time: what is left of it would be counted from when the script began.
  till = math.ceil(till / 1000)
  if till > redis.call('PEXPIRETIME', key) then redis.call('PEXPIREAT', key, till) end
end

-- take counts one call and gives the time from which it may be made, and the new full.
local function take(full, every, burst)
  if every == 0 then return now, full end
  return math.max(now, full - every * (burst - 1)), math.max(now, full) + every
end

-- used takes in that a call which was counted before is made only now.
local function used(full, every)
  if every == 0 then return full end
  return math.max(full, now + every)
end

-- spare tells whether a call may be made that leaves a fifth of the burst, and at least
-- one call where the burst is more than one, to those that must be made.
local function spare(full, every, burst)
  if every == 0 then return true end
  local usable = math.max(burst - math.max(math.floor(burst / 5), 1), 1)
  return full - every * (usable - 1) <= now
end
