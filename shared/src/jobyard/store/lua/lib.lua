-- The common part of every script: key names, the server's clock, type guards, and the few moves
-- that several scripts make. ARGV[1] is always the key prefix; there are no KEYS (one shard).

local PREFIX = ARGV[1]
local CLOCK = redis.call('TIME')
local NOW_US = tonumber(CLOCK[1]) * 1000000 + tonumber(CLOCK[2])
local NOW = math.floor(NOW_US / 1000) -- milliseconds
local NEVER = 100 * 365 * 86400 -- seconds; scores of records that are kept for ever
local EVENT_WINDOW = 3600 * 1000 -- ms of state changes that a reader can still catch up with
local BELL_CAP = 16 -- more idle workers than this wake by their one-second look

-- Each name is one concatenation: a part made on the way is garbage, and collecting it costs time.
local function key(name, of, part)
  if part then return PREFIX .. ':' .. name .. ':' .. of .. ':' .. part end
  if of then return PREFIX .. ':' .. name .. ':' .. of end
  return PREFIX .. ':' .. name
end
local function yard(name, of)
  if of then return PREFIX .. ':yard:' .. name .. ':' .. of end
  return PREFIX .. ':yard:' .. name
end

-- Every key of one job: who deletes a job deletes these. RQ writes two colons in the last one.
local function dependents_of(id) return key('job', id) .. ':dependents' end
local function dependencies_of(id) return key('job', '', id) .. ':dependencies' end
local function keys_of(id)
  return key('job', id), key('results', id), yard('payload', id), yard('result', id),
    dependents_of(id), dependencies_of(id)
end

-- Raises before anything is written when a key holds another type. Returns whether it exists.
local function expect(kind, name)
  local found = redis.call('TYPE', name).ok
  if found ~= 'none' and found ~= kind then
    error(redis.error_reply('YARDTYPE ' .. name .. ' holds a ' .. found .. ', not a ' .. kind))
  end
  return found ~= 'none'
end

-- RFC 3339 as RQ writes it (rq.utils.utcformat); days to date after Hinnant, civil_from_days.
local TIMES = {} -- the times of one call mostly fall into the same second
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
  local text = TIMES[ms]
  if text then return text end
  local seconds = math.floor(ms / 1000)
  local start = TIMES[-seconds] or to_the_second(seconds)
  text = start .. string.format('%03d000Z', ms - seconds * 1000)
  TIMES[-seconds], TIMES[ms] = start, text
  return text
end

-- Writes to shared keys are gathered and sent once a call by flush: one command a key, not a job.
local LATER = {} -- command → key → arguments
local function later(command, name, first, second)
  local keys = LATER[command]
  if not keys then keys = {} LATER[command] = keys end
  local arguments = keys[name]
  if not arguments then arguments = {} keys[name] = arguments end
  arguments[#arguments + 1] = first
  if second then arguments[#arguments + 1] = second end
end

-- State changes of one call are one entry a queue: id, state, id, state …; trimmed by time.
local EVENTS = {} -- queue → what happened
local function event(queue, id, state)
  local changes = EVENTS[queue]
  if not changes then changes = {} EVENTS[queue] = changes end
  local at = #changes
  changes[at + 1], changes[at + 2] = id, state
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

-- A queue has lanes, which are queues of RQ's: <q>.high is emptied before it, <q>.low after it. They
-- share its bell. See lanes.py.
local function base_of(queue)
  return string.match(queue, '^(.+)%.high$') or string.match(queue, '^(.+)%.low$') or queue
end

-- Wakes one idle worker a job, without piling up rings that nobody waits for.
local RINGS = {} -- queue → jobs that became ready
local function ring(queue, jobs)
  local bell = yard('bell', base_of(queue))
  for _ = 1, math.min(jobs, BELL_CAP - redis.call('LLEN', bell)) do redis.call('RPUSH', bell, '1') end
end

-- A command takes its arguments from Lua's stack, which is bounded; chunks are even: pairs stay whole.
local CHUNK = 2000
local function flush_later()
  for command, keys in pairs(LATER) do
    for name, arguments in pairs(keys) do
      for at = 1, #arguments, CHUNK do
        redis.call(command, name, unpack(arguments, at, math.min(at + CHUNK - 1, #arguments)))
      end
    end
  end
  LATER = {}
end
local function flush_events()
  for queue, changes in pairs(EVENTS) do
    for at = 1, #changes, CHUNK do
      redis.call('XADD', yard('events', queue), 'MINID', '~', NOW - EVENT_WINDOW, '*',
        unpack(changes, at, math.min(at + CHUNK - 1, #changes)))
    end
  end
end
-- What ended in this call, and what is deleted with it; rq.lua sets what happens after an end.
local ENDED, DOOMED, UNKEPT, AFTER = {}, {}, {}, nil

-- What came and what was worked off lately: counts of ten seconds each, beside the totals; queues.lua
-- adds up a minute. The first of a new one takes away those that nobody adds up any more.
local BUCKET = math.floor(NOW / 10000)
local function note_rate(counters, way, jobs)
  if jobs == 0 or bump(counters, way .. ':' .. BUCKET, jobs) > jobs then return end
  for _, name in ipairs(redis.call('HKEYS', counters)) do
    local bucket = tonumber(string.match(name, '^%l+:(%d+)$') or '')
    if bucket and BUCKET - bucket > 6 then redis.call('HDEL', counters, name) end
  end
end
local function flush_counts()
  for queue, names in pairs(TALLY) do
    local counters = yard('counters', queue)
    for name, number in pairs(names) do bump(counters, name, number) end
    note_rate(counters, 'in', names.submitted or 0)
    note_rate(counters, 'out', (names.succeeded or 0) + (names.failed or 0) + (names.expired or 0))
  end
end
local function flush()
  if AFTER and #ENDED > 0 then AFTER(ENDED) end
  for at = 1, #DOOMED, CHUNK do
    redis.call('DEL', unpack(DOOMED, at, math.min(at + CHUNK - 1, #DOOMED)))
  end
  flush_later()
  flush_events()
  for queue, jobs in pairs(RINGS) do ring(queue, jobs) end
  flush_counts()
end

-- The guards of the keys that a move in `queue` may write; all of them where no part is named.
local PARTS = {
  always = { zset = { 'yard:jobs' }, hash = { 'yard:counters' }, stream = { 'yard:events' } },
  ready = { list = { 'queue' } },
  running = { zset = { 'wip' } },
  delayed = { zset = { 'scheduled' } },
  expired = { zset = { 'canceled' } },
  ended = { zset = { 'finished', 'failed', 'canceled' } },
}
local GUARDED = {} -- part → queue → true
local function guard_part(queue, part)
  local seen = GUARDED[part]
  if not seen then seen = {} GUARDED[part] = seen end
  if seen[queue] then return end
  for kind, names in pairs(PARTS[part]) do
    for _, name in ipairs(names) do expect(kind, key(name, queue)) end
  end
  if part == 'ready' then expect('list', yard('bell', base_of(queue))) end
  seen[queue] = true
end
local function guard(queue, ...)
  guard_part(queue, 'always')
  for _, part in ipairs(... and { ... } or { 'ready', 'running', 'delayed', 'ended' }) do
    guard_part(queue, part)
  end
end
local function guard_each(queues)
  local is_guarded = {}
  for _, queue in pairs(queues) do
    if not is_guarded[queue] then guard(queue) end
    is_guarded[queue] = true
  end
end

-- A job may run now: at the head of its queue (given back) or at its end (new).
local function push(id, queue, at_head)
  later(at_head and 'LPUSH' or 'RPUSH', key('queue', queue), id)
  event(queue, id, 'queued')
  RINGS[queue] = (RINGS[queue] or 0) + 1
end
local function make_ready(id, queue, at_head)
  redis.call('HSET', key('job', id), 'status', 'queued', 'enqueued_at', iso(NOW))
  push(id, queue, at_head)
end

local function sleep_until(id, queue, due_ms, state)
  later('ZADD', key('scheduled', queue), string.format('%.3f', due_ms / 1000), id)
  event(queue, id, state)
end
local function make_due(id, queue, due_ms, state)
  redis.call('HSET', key('job', id), 'status', 'scheduled')
  sleep_until(id, queue, due_ms, state)
end

-- What is kept apart from the hash, by its fields `payload_bytes` and `result_bytes`: nil where
-- nothing is, as of nearly all jobs, else how many bytes.
local function apart_of(payload_bytes, result_bytes)
  if not payload_bytes and not result_bytes then return nil end
  return (tonumber(payload_bytes or '') or 0) + (tonumber(result_bytes or '') or 0)
end

-- What else knows a job, as letters in its field `ties`: t lists of its tags and tenant, u a unique key
-- that it holds until it ends, w the jobs of its tenant that wait for their first start. Most jobs have
-- none, and cost nothing here. A key of a foreign type is passed over: the job is what it is.
local LISTED_S = 300 -- so much longer than its TTL lives what is listed: the pruner still finds it
local function tagged(tenant, tag) return yard('tag', tenant .. ':' .. tag) end
local function is_tied(ties, mark) return ties and string.find(ties, mark, 1, true) and true or false end
local function each_tag(text, visit)
  local sound, tags = pcall(cjson.decode, text or '[]')
  for _, tag in ipairs(sound and type(tags) == 'table' and tags or {}) do
    if type(tag) == 'string' then visit(tag) end
  end
end
local function guard_ties(tenant, ties)
  expect('set', yard('indexes'))
  if tenant ~= '' then
    expect('set', yard('tenants'))
    expect('zset', yard('tenant', tenant))
  end
  for _, tag in ipairs(ties.tags or {}) do expect('zset', tagged(tenant, tag)) end
  if ties.unique then expect('hash', yard('unique', tenant)) end
  if ties.waiting then expect('set', yard('waiting', tenant)) end
end
local function unlist(id, tenant, tags)
  if tenant then redis.pcall('ZREM', yard('tenant', tenant), id) end
  each_tag(tags, function(tag) redis.pcall('ZREM', tagged(tenant or '', tag), id) end)
end
local function has_started(id, ties)
  if not is_tied(ties, 'w') then return end
  redis.pcall('SREM', yard('waiting', redis.call('HGET', key('job', id), 'tenant') or ''), id)
end
local function untie(id, ties, is_kept)
  local job = redis.call('HMGET', key('job', id), 'tenant', 'tags', 'unique')
  local unique = yard('unique', job[1] or '')
  if is_tied(ties, 'u') and job[3] and redis.pcall('HGET', unique, job[3]) == id then
    redis.call('HDEL', unique, job[3])
  end
  has_started(id, ties)
  if not is_kept then unlist(id, job[1], job[2]) end
end

-- Nothing of a job that ended is kept without a TTL, unless the TTL is -1 (keep) or 0 (drop).
-- A key of a foreign type in the place of its results is nobody's to touch. What is kept apart is
-- counted, for the memory budget; a foreign key in the place of that index costs the count alone.
local FOREIGN = {}
local function expire(name, ttl)
  if ttl < 0 then redis.call('PERSIST', name) else redis.call('EXPIRE', name, ttl) end
end
local function doom(id)
  UNKEPT[id] = true
  for _, name in ipairs({ keys_of(id) }) do
    if not FOREIGN[id] or name ~= key('results', id) then DOOMED[#DOOMED + 1] = name end
  end
end
local function keep(id, queue, registry, ttl, apart, ties)
  if ttl == 0 then
    doom(id)
    return later('ZREM', yard('jobs', queue), id)
  end
  local until_s = NOW / 1000 + (ttl < 0 and NEVER or ttl)
  later('ZADD', key(registry, queue), string.format('%.3f', until_s), id)
  if ttl > 0 and is_tied(ties, 't') then ttl = ttl + LISTED_S end
  expire(key('job', id), ttl)
  if not FOREIGN[id] then expire(key('results', id), ttl) end
  if apart then
    expire(yard('payload', id), ttl)
    expire(yard('result', id), ttl)
    redis.pcall('ZADD', yard('apart', queue), apart, id)
  end
end

-- A stored whole number, nil when it is none (nan is not equal to itself), at most a century.
local function whole_number(text)
  local number = tonumber(text or '')
  if not number or number ~= number then return nil end
  return math.floor(math.min(number, NEVER))
end

-- Ends a job whose TTL for this end, and ties, are known as text; further field/value pairs are written along.
local STATE = { finished = 'succeeded', failed = 'failed', canceled = 'canceled', stopped = 'canceled',
  expired = 'expired' }
local REGISTRY = { stopped = 'failed', expired = 'canceled' } -- the others are called as the status
local function conclude(id, queue, status, ttl, apart, ties, ended_ms, ...)
  local shown, state, at = status == 'expired' and 'canceled' or status, STATE[status], #ENDED
  redis.call('HSET', key('job', id), 'status', shown, 'ended_at', iso(ended_ms), ...)
  local kept_s = whole_number(ttl) or (status == 'finished' and 3600 or 604800)
  keep(id, queue, REGISTRY[status] or status, kept_s, apart, ties)
  if ties then untie(id, ties, kept_s ~= 0) end
  ENDED[at + 1], ENDED[at + 2], ENDED[at + 3] = id, queue, shown
  event(queue, id, state)
  count(queue, state)
end
local function finish(id, queue, status, ended_ms, ...)
  local job = redis.call('HMGET', key('job', id), status == 'finished' and 'result_ttl' or 'failure_ttl',
    'payload_bytes', 'result_bytes', 'ties')
  conclude(id, queue, status, job[1], apart_of(job[2], job[3]), job[4], ended_ms, ...)
end

-- A record that cannot be read harms only itself: it is listed, and nothing else stops.
local function quarantine(id, queue, reason)
  redis.call('HSET', yard('dead', 'unreadable'), string.sub(id, 1, 256),
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

-- The size of a key that takes more than so many bytes, else false. Asking for it copies nothing; it is
-- exact for up to 100 fields. Where a server does not let us ask, nothing takes more.
local function takes_more(name, bytes)
  local size = redis.pcall('MEMORY', 'USAGE', name, 'SAMPLES', 100)
  return type(size) == 'number' and size > bytes and size
end

-- A key that holds more is sent to nobody: only to look at its value would hold the server for
-- seconds, and a copy cost it as much memory again.
local MOST = 64 * 1024 * 1024
local function is_too_large(name) return takes_more(name, MOST) end

-- All fields of a job, flat; of one that is too large, those that are short.
local function whole(id)
  local job, flat = key('job', id), {}
  if not is_too_large(job) then return redis.call('HGETALL', job) end
  for _, field in ipairs(redis.call('HKEYS', job)) do
    if redis.call('HSTRLEN', job, field) <= 65536 then
      flat[#flat + 1], flat[#flat + 2] = field, redis.call('HGET', job, field)
    end
  end
  return flat
end

-- What is kept apart of a job: its text, or nil and why it cannot be brought.
local function bring_apart(kind, id)
  local bytes = redis.pcall('STRLEN', yard(kind, id))
  if type(bytes) ~= 'number' then return nil, 'its ' .. kind .. ' is of a foreign type' end
  if bytes == 0 then return nil, 'its ' .. kind .. ' is gone' end
  if bytes > MOST then return nil, 'its ' .. kind .. ' is larger than ' .. MOST .. ' bytes' end
  return redis.call('GET', yard(kind, id))
end

local function results_of(id, most)
  if redis.call('TYPE', key('results', id)).ok ~= 'stream' or is_too_large(key('results', id)) then return {} end
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

-- Whether a job belongs to a tenant; to '' everything does. Another's is as one that is not there: who asks
-- this first runs the same commands for both, so that the time tells nobody which it is.
local function is_of(id, tenant) return tenant == '' or redis.pcall('HGET', key('job', id), 'tenant') == tenant end

-- The moves on what a worker holds.
local HAS_MAIL = {}
local function drop_hold(worker, member, queue)
  later('HDEL', yard('held', worker), member)
  later('ZREM', key('wip', queue), member)
  if HAS_MAIL[worker] == nil then HAS_MAIL[worker] = redis.call('EXISTS', yard('mail', worker)) == 1 end
  if HAS_MAIL[worker] then later('HDEL', yard('mail', worker), member) end
end

-- Queues of deliveries that a worker holds, all asked for at once; nil for what it does not hold.
local function queues_held(worker, members)
  local queues = {}
  if #members == 0 then return queues end
  for at, queue in ipairs(redis.call('HMGET', yard('held', worker), unpack(members))) do
    queues[members[at]] = queue or nil
  end
  return queues
end

-- Whether this delivery, held in `queue`, is still the worker's: 'mine' and the job's fields (token,
-- status, cancel, attempts, result_ttl, failure_ttl, payload_bytes, result_bytes, ties), else what
-- became of it. again: this
-- settlement was applied before; stale: another delivery owns the job, or RQ's own tools changed it.
local SEEN = {}
local function owned(member, id, token, queue)
  if SEEN[member] then return 'again' end
  SEEN[member] = true
  local job = fields(id, 'token', 'status', 'cancel', 'attempts', 'result_ttl', 'failure_ttl',
    'payload_bytes', 'result_bytes', 'ties')
  if not queue then
    if job and job[1] == token and job[2] ~= 'started' then return 'again' end
    return job == nil and 'vanished' or 'stale'
  end
  if not job then return 'vanished' end
  if job[1] ~= token or job[2] ~= 'started' then return 'stale' end
  return 'mine', job
end
