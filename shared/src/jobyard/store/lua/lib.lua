-- The common part of every script: key names, the server's clock, type guards, and the few moves
-- that several scripts make. ARGV[1] is always the key prefix; there are no KEYS (one shard).

local PREFIX = ARGV[1]
local CLOCK = redis.call('TIME')
local NOW_US = tonumber(CLOCK[1]) * 1000000 + tonumber(CLOCK[2])
local NOW = math.floor(NOW_US / 1000) -- milliseconds
local NEVER = 100 * 365 * 86400 -- seconds; scores of records that are kept for ever
local EVENT_WINDOW = 3600 * 1000 -- ms of state changes that a reader can still catch up with
local BELL_CAP = 16 -- more idle workers than this wake by their one-second look

local function key(name, ...) return table.concat({ PREFIX, name, ... }, ':') end
local function yard(...) return table.concat({ PREFIX, 'yard', ... }, ':') end

-- Raises before anything is written when a key holds another type. Returns whether it exists.
local function expect(kind, name)
  local found = redis.call('TYPE', name).ok
  if found ~= 'none' and found ~= kind then
    error(redis.error_reply('YARDTYPE ' .. name .. ' holds a ' .. found .. ', not a ' .. kind))
  end
  return found ~= 'none'
end

-- RFC 3339 as RQ writes it (rq.utils.utcformat); days to date after Hinnant, civil_from_days.
local SECONDS = {} -- the times of one call mostly fall into the same second
local function to_the_second(seconds)
  local days = math.floor(seconds / 86400)
  local rest = seconds - days * 86400
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524)
    - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.', year, month,
    doy - math.floor((153 * mp + 2) / 5) + 1, math.floor(rest / 3600), math.floor(rest / 60) % 60,
    rest % 60)
end
local function iso(ms)
  local seconds = math.floor(ms / 1000)
  local text = SECONDS[seconds]
  if not text then
    text = to_the_second(seconds)
    SECONDS[seconds] = text
  end
  return text .. string.format('%03d000Z', ms - seconds * 1000)
end

local STREAMS = {} -- queue → key of its events; trimmed once a call
local function event(queue, id, state)
  local stream = STREAMS[queue]
  if stream then return redis.call('XADD', stream, '*', 'id', id, 'state', state) end
  STREAMS[queue] = yard('events', queue)
  redis.call('XADD', STREAMS[queue], 'MINID', '~', NOW - EVENT_WINDOW, '*', 'id', id, 'state', state)
end

-- Writes to shared keys are gathered and sent once a call by flush: one command a key, not a job.
local LATER = {}
local function later(command, name, ...)
  local slot = command .. name
  local arguments = LATER[slot]
  if not arguments then
    arguments = { command, name }
    LATER[slot] = arguments
  end
  for _, argument in ipairs({ ... }) do arguments[#arguments + 1] = argument end
end

-- As HINCRBY, but a garbled number starts anew: it must not stop a call halfway.
local function bump(name, field, by)
  local reply = redis.pcall('HINCRBY', name, field, by)
  if type(reply) == 'number' then return reply end
  redis.call('HSET', name, field, by)
  return by
end

local TALLY = {} -- queue → name → count, written once a call by flush
local function count(queue, name)
  local names = TALLY[queue] or {}
  names[name] = (names[name] or 0) + 1
  TALLY[queue] = names
end
local ENDED, DOOMED, AFTER = {}, {}, nil -- what ended in this call, what is dropped with it; see rq.lua
local function flush()
  if AFTER and #ENDED > 0 then AFTER(ENDED) end
  if #DOOMED > 0 then redis.call('DEL', unpack(DOOMED)) end
  for _, arguments in pairs(LATER) do redis.call(unpack(arguments)) end
  for queue, names in pairs(TALLY) do
    for name, number in pairs(names) do
      bump(yard('counters', queue), name, number)
    end
  end
end

-- Wakes one idle worker a job, without piling up rings that nobody waits for.
local function ring(queue)
  local bell = yard('bell', queue)
  if redis.call('LLEN', bell) < BELL_CAP then redis.call('RPUSH', bell, '1') end
end

-- The guards of every key that a move in `queue` may write.
local GUARDED = {}
local function guard(queue)
  if GUARDED[queue] then return end
  expect('list', key('queue', queue))
  for _, name in ipairs({ 'wip', 'scheduled', 'finished', 'failed', 'canceled' }) do
    expect('zset', key(name, queue))
  end
  expect('list', yard('bell', queue))
  expect('zset', yard('jobs', queue))
  expect('hash', yard('counters', queue))
  expect('stream', yard('events', queue))
  GUARDED[queue] = true
end

-- A job may run now: at the head of its queue (given back) or at its end (new).
local function make_ready(id, queue, at_head)
  redis.call('HSET', key('job', id), 'status', 'queued', 'enqueued_at', iso(NOW))
  redis.call(at_head and 'LPUSH' or 'RPUSH', key('queue', queue), id)
  event(queue, id, 'queued')
  ring(queue)
end

local function make_due(id, queue, due_ms, state)
  redis.call('HSET', key('job', id), 'status', 'scheduled')
  redis.call('ZADD', key('scheduled', queue), string.format('%.3f', due_ms / 1000), id)
  event(queue, id, state)
end

-- Nothing of a job that ended is kept without a TTL, unless the TTL is -1 (keep) or 0 (drop).
local function keep(id, queue, registry, ttl)
  if ttl == 0 then
    for _, name in ipairs({ key('job', id), key('results', id) }) do DOOMED[#DOOMED + 1] = name end
    redis.call('ZREM', yard('jobs', queue), id)
    return
  end
  local until_s = NOW / 1000 + (ttl < 0 and NEVER or ttl)
  later('ZADD', key(registry, queue), string.format('%.3f', until_s), id)
  for _, name in ipairs({ key('job', id), key('results', id) }) do
    if ttl < 0 then redis.call('PERSIST', name) else redis.call('EXPIRE', name, ttl) end
  end
end

-- Whole seconds of a stored TTL, nil when it is no number (nan is not equal to itself).
local function whole_ttl(text)
  local ttl = tonumber(text or '')
  if not ttl or ttl ~= ttl then return nil end
  return math.floor(math.min(ttl, NEVER))
end

-- Ends a job; further field/value pairs are written along.
local STATE = { finished = 'succeeded', failed = 'failed', canceled = 'canceled', stopped = 'canceled' }
local function finish(id, queue, status, ended_ms, ...)
  local job = key('job', id)
  local ttls = redis.call('HMGET', job, 'result_ttl', 'failure_ttl')
  local ttl = whole_ttl(ttls[status == 'finished' and 1 or 2])
  redis.call('HSET', job, 'status', status, 'ended_at', iso(ended_ms), ...)
  keep(id, queue, status == 'stopped' and 'failed' or status, ttl or (status == 'finished' and 3600 or 604800))
  for _, part in ipairs({ id, queue, status }) do ENDED[#ENDED + 1] = part end
  event(queue, id, STATE[status])
  count(queue, STATE[status])
end

-- A record that cannot be read harms only itself: it is listed, and nothing else stops.
local function quarantine(id, queue, reason)
  redis.call('HSET', yard('dead', 'unreadable'), id,
    cjson.encode({ queue = queue, reason = reason, at = iso(NOW) }))
  count(queue, 'quarantined')
end

-- RQ's words (rq.job.JobStatus): a job of another one is where it belongs and is passed over.
local STATUSES = { created = true, queued = true, started = true, scheduled = true, deferred = true,
  ready_to_enqueue = true, rate_limited = true, finished = true, failed = true, stopped = true,
  canceled = true }
local function pass_over(id, queue, status)
  if not STATUSES[status or ''] then quarantine(id, queue, 'the job has no known status') end
end

local function results_of(id, most)
  if redis.call('TYPE', key('results', id)).ok ~= 'stream' then return {} end
  return redis.call('XREVRANGE', key('results', id), '+', '-', 'COUNT', most)
end

-- Every queue that RQ knows, and whether its keys are sound; a broken one harms only itself.
local function each_queue(visit)
  for _, name in ipairs(redis.call('SMEMBERS', key('queues'))) do
    local queue = string.sub(name, #PREFIX + 8)
    if pcall(guard, queue) then visit(queue) end
  end
end

-- Fields of a job as a list, nil when there is no record, false when it is no hash.
local function fields(id, ...)
  local found = redis.pcall('HMGET', key('job', id), ...)
  if found.err then return false end
  for i = 1, #found do
    if found[i] then return found end
  end
  return redis.call('EXISTS', key('job', id)) == 1 and found or nil
end

-- Stores one new job. `at` points to: id queue due idem-key idem-fingerprint idem-ttl n field value …
-- due is '' (now), '+ms' (from now) or ms since the epoch. Returns outcome, id, state, next index.
local STORED = 0
local KNOWN = {}
local function guard_new(at)
  local id, queue = ARGV[at], ARGV[at + 1]
  guard(queue)
  expect('set', key('queues'))
  expect('hash', key('job', id))
  if ARGV[at + 3] ~= '' then expect('string', yard('idem', ARGV[at + 3])) end
  return at + 7 + tonumber(ARGV[at + 6])
end
local function store_new(at)
  local id, queue, due, idem = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local after = at + 7 + tonumber(ARGV[at + 6])
  if idem ~= '' then
    local held = redis.call('GET', yard('idem', idem))
    if held then
      local fingerprint, first = string.match(held, '^(%S*) (.*)$')
      return fingerprint == ARGV[at + 4] and 'replayed' or 'conflict', first or '', '', after
    end
  end
  if redis.call('EXISTS', key('job', id)) == 1 then return 'exists', id, '', after end
  if idem ~= '' then
    redis.call('SET', yard('idem', idem), ARGV[at + 4] .. ' ' .. id, 'PX', ARGV[at + 5])
  end
  redis.call('HSET', key('job', id), 'created_at', iso(NOW), 'origin', queue,
    unpack(ARGV, at + 7, after - 1))
  later('ZADD', yard('jobs', queue), string.format('%.0f', NOW_US + STORED), id)
  STORED = STORED + 1
  if not KNOWN[queue] then
    KNOWN[queue] = true
    redis.call('SADD', key('queues'), key('queue', queue))
  end
  count(queue, 'submitted')
  local due_ms = tonumber(due) or NOW
  if string.sub(due, 1, 1) == '+' then due_ms = NOW + due_ms end
  if due_ms > NOW then
    make_due(id, queue, due_ms, 'scheduled')
    return 'created', id, 'scheduled', after
  end
  make_ready(id, queue, false)
  return 'created', id, 'queued', after
end

-- The moves on what a worker holds.
local HAS_MAIL = {}
local function drop_hold(worker, member, queue)
  later('HDEL', yard('held', worker), member)
  later('ZREM', key('wip', queue), member)
  if HAS_MAIL[worker] == nil then HAS_MAIL[worker] = redis.call('EXISTS', yard('mail', worker)) == 1 end
  if HAS_MAIL[worker] then later('HDEL', yard('mail', worker), member) end
end

-- Whether this delivery is still the worker's: 'mine', its queue, its member and whether it is to be
-- canceled; else what became of it. again: this settlement was applied before; stale: another
-- delivery owns the job, or RQ's own tools changed it.
local SEEN = {}
local function owned(worker, id, token)
  local member = id .. ':' .. token
  if SEEN[member] then return 'again' end
  SEEN[member] = true
  local queue = redis.call('HGET', yard('held', worker), member)
  local job = fields(id, 'token', 'status', 'cancel')
  if not queue then
    if job and job[1] == token and job[2] ~= 'started' then return 'again' end
    return job == nil and 'vanished' or 'stale'
  end
  if not job then return 'vanished', queue, member end
  if job[1] ~= token or job[2] ~= 'started' then return 'stale', queue, member end
  return 'mine', queue, member, job[3] == '1'
end
