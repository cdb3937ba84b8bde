-- tidy: takes out of the lists of tags and tenants, of unique keys and of waiting jobs what is gone
-- without a word: RQ's tools delete jobs, records run out, an older worker claims. Each list is walked a
-- chunk a call, and so are the lists; the places reached are kept.
-- KEYS none  ARGV prefix, limit (about as many entries are looked at)
-- Returns how many were taken out.

local limit, taken, places = tonumber(ARGV[2]), 0, yard('pruner')
local WAITING = { queued = true, scheduled = true, deferred = true, rate_limited = true,
  ready_to_enqueue = true }
expect('hash', places)
expect('set', yard('indexes'))

local function is_stored(id) return redis.call('EXISTS', key('job', id)) == 1 end
local function waits(id)
  local job = fields(id, 'status')
  return job and WAITING[job[1]]
end
local function holds(unique, id)
  local job = fields(id, 'status', 'unique')
  return job and job[2] == unique and (WAITING[job[1]] or job[1] == 'started')
end

-- Entries of a chunk from a place on, where the next begins ('' for none), and how one is taken out.
local WALKS = {
  zset = function(list, place, size)
    local rows = redis.call('ZRANGEBYSCORE', list, place == '' and '-inf' or place, '+inf', 'WITHSCORES',
      'LIMIT', 0, size)
    local ids = {}
    for i = 1, #rows, 2 do ids[#ids + 1] = { rows[i] } end
    return ids, #ids == size and rows[#rows] or '', 'ZREM'
  end,
  set = function(list, place, size)
    local found, ids = redis.call('SSCAN', list, place == '' and '0' or place, 'COUNT', size), {}
    for _, id in ipairs(found[2]) do ids[#ids + 1] = { id } end
    return ids, found[1] == '0' and '' or found[1], 'SREM'
  end,
  hash = function(list, place, size)
    local found, pairs_of = redis.call('HSCAN', list, place == '' and '0' or place, 'COUNT', size), {}
    for i = 1, #found[2], 2 do pairs_of[#pairs_of + 1] = { found[2][i], found[2][i + 1] } end
    return pairs_of, found[1] == '0' and '' or found[1], 'HDEL'
  end,
}
local KINDS = { tenant = { 'zset', is_stored }, tag = { 'zset', is_stored },
  waiting = { 'set', waits }, unique = { 'hash', holds } }

local function tidy(name, size)
  local list, kind = yard(name), KINDS[string.match(name, '^%l+')]
  if not kind or not pcall(expect, kind[1], list) then return end
  local field = 'tidy ' .. name
  local entries, place, command = WALKS[kind[1]](list, redis.call('HGET', places, field) or '', size)
  for _, entry in ipairs(entries) do
    if not kind[2](entry[1], entry[2]) then
      redis.call(command, list, entry[1])
      taken = taken + 1
    end
  end
  if place ~= '' then redis.call('HSET', places, field, place) else redis.call('HDEL', places, field) end
  if redis.call('EXISTS', list) == 0 then redis.call('SREM', yard('indexes'), name) end
end

local found = redis.call('SSCAN', yard('indexes'), redis.call('HGET', places, 'tidy') or '0', 'COUNT', 20)
redis.call('HSET', places, 'tidy', found[1])
for _, name in ipairs(found[2]) do tidy(name, math.max(10, math.floor(limit / #found[2]))) end
return taken
