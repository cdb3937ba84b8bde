-- rq: what RQ does in several steps around the end of a job, as one: dependents, rate limits, groups.
-- A part of the scripts that end jobs or make them ready; flush calls AFTER with what ended.

-- RQ's `rate_limit`: at most so many jobs of one key are queued or running.
local function limit_is_sound(name)
  return pcall(function()
    expect('hash', key('rl', name))
    expect('zset', key('rl', name, 'allowed'))
    expect('zset', key('rl', name, 'rate_limited'))
    expect('set', key('rl-keys'))
  end)
end

local function fill_slots(name)
  local most = tonumber(redis.call('HGET', key('rl', name), 'concurrency') or '') or 0
  while redis.call('ZCARD', key('rl', name, 'allowed')) < most do
    local first = redis.call('ZPOPMIN', key('rl', name, 'rate_limited'))
    if #first == 0 then return end
    local job = fields(first[1], 'origin', 'status', 'enqueue_at_front')
    if job and job[1] and job[2] == 'rate_limited' and pcall(guard, job[1]) then
      redis.call('ZADD', key('rl', name, 'allowed'), math.floor(NOW / 1000), first[1])
      make_ready(first[1], job[1], job[3] == '1')
    end
  end
end

local function release_slot(id, name)
  if not name or name == '' or not limit_is_sound(name) then return end
  redis.call('ZREM', key('rl', name, 'allowed'), id)
  redis.call('ZREM', key('rl', name, 'rate_limited'), id)
  fill_slots(name)
end

local function wait_for_slot(id, name, most, at_head)
  redis.call('HSET', key('job', id), 'status', 'rate_limited', 'enqueue_at_front', at_head and '1' or '0')
  redis.call('SADD', key('rl-keys'), name)
  redis.call('HSET', key('rl', name), 'concurrency', most)
  redis.call('ZADD', key('rl', name, 'rate_limited'), NOW / 1000, id)
  fill_slots(name)
end

-- A job that waited for its time or for others may run: in front where it asked for that, and
-- through its rate limit where it has one. Its TTL begins anew, as RQ has it.
local function make_ready_as_asked(id, queue)
  local job = redis.call('HMGET', key('job', id), 'rate_limit_key', 'rate_limit_concurrency',
    'enqueue_at_front', 'enqueue_at_front_on_retry', 'ended_at', 'ttl')
  local at_head = job[3] == '1' or (job[4] == '1' and (job[5] or '') ~= '')
  local ttl = tonumber(job[6] or '')
  if ttl and ttl > 0 then redis.call('EXPIRE', key('job', id), ttl) end
  if (job[1] or '') ~= '' and tonumber(job[2] or '') and limit_is_sound(job[1]) then
    return wait_for_slot(id, job[1], job[2], at_head)
  end
  make_ready(id, queue, at_head)
end

-- Whether the other jobs that `id` waits for let it run. One that is gone does, as in RQ.
local function others_let_run(id, parent, may_fail)
  local others = redis.pcall('SMEMBERS', dependencies_of(id))
  if others.err then return false end
  for _, other in ipairs(others) do
    local status = other ~= parent and redis.pcall('HGET', key('job', other), 'status')
    if type(status) == 'string' and status ~= 'finished' and not (may_fail and status == 'failed') then
      return false
    end
  end
  return true
end

local function tend_dependent(id, parent, status)
  local job = fields(id, 'status', 'origin', 'allow_dependency_failures')
  if not job or job[1] ~= 'deferred' then return redis.call('SREM', dependents_of(parent), id) end
  local may_fail = job[3] == '1'
  if status ~= 'finished' and not (status == 'failed' and may_fail) then return end
  if not job[2] or not pcall(guard, job[2]) or not others_let_run(id, parent, may_fail) then return end
  redis.pcall('ZREM', key('deferred', job[2]), id)
  redis.call('SREM', dependents_of(parent), id)
  make_ready_as_asked(id, job[2])
end

-- Whoever waits for a job that failed or was canceled waits while that may still run again. When
-- its record goes, so does the hope: they are canceled, and do not wait for ever (W20).
local function cut_dependents(parents)
  local names = {}
  for i, id in ipairs(parents) do names[i] = dependents_of(id) end
  if #names == 0 or redis.call('EXISTS', unpack(names)) == 0 then return end
  for _, name in ipairs(names) do
    local waiting = redis.pcall('SMEMBERS', name)
    for _, id in ipairs(waiting.err and {} or waiting) do
      local job = fields(id, 'status', 'origin')
      if job and job[1] == 'deferred' and job[2] and pcall(guard, job[2]) then
        redis.pcall('ZREM', key('deferred', job[2]), id)
        redis.pcall('XADD', key('results', id), 'MAXLEN', 10, '*', 'type', 3, 'worker_name', '', 'error',
          '{"type":"ParentGone","message":"A job that it waited for did not succeed and is forgotten."}')
        finish(id, job[2], 'canceled', NOW)
      end
    end
  end
end

-- Nothing is left of a job whose entry in a registry is gone, once the call is flushed.
local HAS_APART = {} -- queue → whether it has an index of what is kept apart
local function forget(id, queue)
  local ties = (fields(id, 'ties') or {})[1]
  if ties then untie(id, ties, false) end
  doom(id)
  later('ZREM', yard('jobs', queue), id)
  if HAS_APART[queue] == nil then
    HAS_APART[queue] = redis.call('TYPE', yard('apart', queue)).ok == 'zset'
  end
  if HAS_APART[queue] then later('ZREM', yard('apart', queue), id) end
end

-- `ended` holds id, queue, status of each job that ended: one EXISTS where nobody waits for any.
local function tend_dependents(ended)
  local names = {}
  for i = 1, #ended, 3 do names[#names + 1] = dependents_of(ended[i]) end
  if #names == 0 or redis.call('EXISTS', unpack(names)) == 0 then return end
  for i = 1, #ended, 3 do
    local waiting = redis.pcall('SMEMBERS', dependents_of(ended[i]))
    for _, id in ipairs(waiting.err and {} or waiting) do tend_dependent(id, ended[i], ended[i + 2]) end
    if UNKEPT[ended[i]] then cut_dependents({ ended[i] }) end
  end
end

-- As above, for scripts that end few jobs, or jobs of plain RQ code: their slots are freed as well.
local function tend_all(ended)
  tend_dependents(ended)
  for i = 1, #ended, 3 do
    local job = fields(ended[i], 'rate_limit_key')
    if job then release_slot(ended[i], job[1]) end
  end
end

AFTER = tend_dependents
