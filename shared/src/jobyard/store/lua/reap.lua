-- reap: what expired workers held goes to the head of its queue, marked suspect (closes W4, W14).
-- With a worker named, that one is given back now: its keeper saw it die, or it says goodbye.
-- After a gap in the reaping itself (the store or all schedulers were away) nothing is reaped for
-- one lease, so that live workers renew first.
-- KEYS none  ARGV prefix, limit, lease-ms, worker ('' = all expired)
-- Returns rescued, quarantined, more (0 | 1), then the workers that were removed.

local limit, lease_ms, named = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local rescued, quarantined = 0, 0
AFTER = tend_all
expect('zset', yard('lease'))
expect('hash', yard('dead', 'unreadable'))
if named ~= '' then expect('hash', yard('held', named)) end

local function may_reap()
  if named ~= '' then return true end
  expect('hash', yard('reaper'))
  local state = redis.call('HMGET', yard('reaper'), 'tick', 'resume')
  local tick, resume = tonumber(state[1] or ''), tonumber(state[2] or '0')
  local gap = NOW - (tick or 0)
  if gap > lease_ms / 2 or gap < 0 then resume = NOW + lease_ms end -- below 0: the clock went back
  redis.call('HSET', yard('reaper'), 'tick', NOW, 'resume', resume)
  return NOW >= resume
end

local function rescue(id, token, queue)
  local job = fields(id, 'token', 'status', 'cancel')
  if job == false then
    quarantined = quarantined + 1
    return quarantine(id, queue, 'the job is not a hash')
  end
  if not job or job[1] ~= token or job[2] ~= 'started' then return end
  redis.call('HDEL', key('job', id), 'token', 'worker_name')
  if job[3] == '1' then return finish(id, queue, 'canceled', NOW) end
  redis.call('HSET', key('job', id), 'suspect', '1')
  make_ready(id, queue, true)
  count(queue, 'rescued')
  rescued = rescued + 1
end

-- The newest claim first, so that each push to the head restores the order of the claims.
local function held_by(worker)
  expect('hash', yard('held', worker))
  local flat, rows = redis.call('HGETALL', yard('held', worker)), {}
  for i = 1, #flat, 2 do
    local id, token = string.match(flat[i], '^(.*):([^:]*)$')
    rows[#rows + 1] = { id = id or flat[i], token = token or '', member = flat[i], queue = flat[i + 1] }
  end
  table.sort(rows, function(a, b) return a.token > b.token end)
  return rows
end

-- A key of a foreign type is passed over here: the jobs are given back already.
local function forget(worker)
  local about = redis.pcall('HMGET', yard('worker', worker), 'pool', 'slots')
  for slot = 0, (tonumber(about[2] or '') or 0) - 1 do
    redis.pcall('ZREM', yard('busy', about[1] or 'default'), worker .. ':' .. slot)
  end
  redis.call('ZREM', yard('lease'), worker)
  redis.call('DEL', yard('worker', worker), yard('mail', worker), key('worker', worker))
  redis.pcall('SREM', key('workers'), key('worker', worker))
  for _, queue in ipairs(redis.pcall('SMEMBERS', key('queues'))) do
    local name = string.sub(queue, #PREFIX + 8)
    redis.pcall('SREM', key('workers', name), key('worker', worker))
  end
end

local gone, more = {}, 0
local function reap(worker)
  local sound, rows = pcall(held_by, worker)
  if not sound then return end
  for _, row in ipairs(rows) do
    if not pcall(guard, row.queue) then return end -- left as it is until the queue's keys are mended
  end
  for _, row in ipairs(rows) do
    if limit <= 0 then more = 1 return end
    limit = limit - 1
    drop_hold(worker, row.member, row.queue)
    rescue(row.id, row.token, row.queue)
  end
  forget(worker)
  gone[#gone + 1] = worker
end

if may_reap() then
  local workers = { named }
  if named == '' then workers = redis.call('ZRANGEBYSCORE', yard('lease'), '-inf', NOW, 'LIMIT', 0, 100) end
  for _, worker in ipairs(workers) do reap(worker) end
end
flush()
table.insert(gone, 1, more)
table.insert(gone, 1, quarantined)
table.insert(gone, 1, rescued)
return gone
