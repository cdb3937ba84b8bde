-- tend_rq: what RQ's maintenance does, for what RQ's own clients and workers leave half done: jobs
-- that are ready or whose parents have ended (W19), slots of rate limits, members of groups, the names
-- of workers that are gone.
-- KEYS none  ARGV prefix, limit (of jobs looked at in each place)
-- Returns how many jobs became ready.

local limit, moved = tonumber(ARGV[2]), 0
local SETTLED_S = 60 -- a client that enqueues many jobs at once needs that long at most
AFTER = tend_all

local function is_a(kind, name) return redis.call('TYPE', name).ok == kind end

local function move(id, queue, registry)
  redis.call('ZREM', key(registry, queue), id)
  make_ready_as_asked(id, queue)
  moved = moved + 1
end

local function tend_ready(queue)
  if not is_a('zset', key('ready', queue)) then return end
  for _, id in ipairs(redis.call('ZRANGE', key('ready', queue), 0, limit - 1)) do
    local job = fields(id, 'status')
    if job and job[1] == 'ready_to_enqueue' then move(id, queue, 'ready')
    else redis.call('ZREM', key('ready', queue), id) end
  end
end

-- All parents are there and let it run. One that is gone says nothing: prune.lua cuts what it held.
local function may_run(id, may_fail)
  local parents = redis.pcall('SMEMBERS', dependencies_of(id))
  if parents.err or #parents == 0 then return false end
  for _, parent in ipairs(parents) do
    if redis.call('EXISTS', key('job', parent)) == 0 then return false end
  end
  return others_let_run(id, nil, may_fail)
end

local function tend_deferred(queue)
  local waiting = key('deferred', queue)
  if not is_a('zset', waiting) then return end
  local spare = redis.call('ZCARD', waiting) - limit
  local first = spare > 0 and NOW % (spare + 1) or 0 -- anywhere: each comes round
  local rows = redis.call('ZRANGE', waiting, first, first + limit - 1, 'WITHSCORES')
  for i = 1, #rows, 2 do
    local job = fields(rows[i], 'status', 'allow_dependency_failures')
    if not job or job[1] ~= 'deferred' then redis.call('ZREM', waiting, rows[i])
    elseif tonumber(rows[i + 1]) < NOW / 1000 - SETTLED_S and may_run(rows[i], job[2] == '1') then
      move(rows[i], queue, 'deferred')
    end
  end
end

local function tend_limit(name)
  if not limit_is_sound(name) then return end
  for _, id in ipairs(redis.call('ZRANGE', key('rl', name, 'allowed'), 0, limit - 1)) do
    local job = fields(id, 'status')
    if not job or (job[1] ~= 'queued' and job[1] ~= 'started') then release_slot(id, name) end
  end
  fill_slots(name)
  if redis.call('EXISTS', key('rl', name, 'allowed'), key('rl', name, 'rate_limited')) == 0 then
    redis.call('SREM', key('rl-keys'), name)
    redis.call('DEL', key('rl', name))
  end
end

local function tend_group(name)
  if not is_a('set', key('group', name)) then return redis.call('SREM', key('groups'), name) end
  for _, id in ipairs(redis.call('SRANDMEMBER', key('group', name), limit)) do
    if redis.call('EXISTS', key('job', id)) == 0 then redis.call('SREM', key('group', name), id) end
  end
end

-- Workers that were killed: RQ's sets name them on when their record has run out. One that holds a
-- lease lives, whatever became of its record.
local function gone_workers()
  local gone = {}
  if not is_a('set', key('workers')) then return gone end
  for _, name in ipairs(redis.call('SRANDMEMBER', key('workers'), limit)) do
    local worker = string.sub(name, #PREFIX + 9)
    if redis.call('EXISTS', name) == 0 and not redis.pcall('ZSCORE', yard('lease'), worker) then
      gone[#gone + 1] = name
    end
  end
  return gone
end

local gone = gone_workers()
if #gone > 0 then redis.call('SREM', key('workers'), unpack(gone)) end
each_queue(function(queue)
  tend_ready(queue)
  tend_deferred(queue)
  if #gone > 0 then redis.pcall('SREM', key('workers', queue), unpack(gone)) end
end)
if is_a('set', key('rl-keys')) then
  for _, name in ipairs(redis.call('SRANDMEMBER', key('rl-keys'), limit)) do tend_limit(name) end
end
if is_a('set', key('groups')) then
  for _, name in ipairs(redis.call('SRANDMEMBER', key('groups'), 10)) do tend_group(name) end
end
flush()
return moved
