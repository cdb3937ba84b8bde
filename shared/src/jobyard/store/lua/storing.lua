-- storing: stores new jobs; a part of the scripts that do: submit, fire, and settle (follow-ups).
-- A job is: id queue tenant due idem-key idem-fingerprint idem-ttl payload ties n, n × field/value. tenant
-- is '' for none; due is '' (now), '+ms' (from now) or ms since the epoch; payload is '' unless it is kept
-- apart; ties is '' or JSON of what else will know the job: tags (list), unique (a key), conflict (what to
-- do where that is held), waiting (how many jobs of its tenant may wait).

local HEAD = 10 -- values of a job before its fields
local STORED = 0
local KNOWN, KNOWN_QUEUES = {}, {} -- ids that are stored, and names that are in sets of names
local NONE, TIES = {}, {} -- where a job begins → its ties

local function guard_new(at)
  local id, queue, tenant, ties = ARGV[at], ARGV[at + 1], ARGV[at + 2], NONE
  guard(queue, 'ready', ARGV[at + 3] ~= '' and 'delayed' or nil)
  if not KNOWN.queues then KNOWN.queues = expect('set', key('queues')) or true end
  KNOWN[id] = expect('hash', key('job', id))
  if ARGV[at + 4] ~= '' then expect('string', yard('idem', ARGV[at + 4])) end
  if ARGV[at + 7] ~= '' then expect('string', yard('payload', id)) end
  if ARGV[at + 8] ~= '' then ties = cjson.decode(ARGV[at + 8]) end
  if tenant ~= '' or ties ~= NONE then guard_ties(tenant, ties) end
  TIES[at] = ties
  return at + HEAD + tonumber(ARGV[at + 9])
end

local function name_once(set, name)
  if KNOWN[set .. name] then return end
  KNOWN[set .. name] = true
  later('SADD', set, name)
end

-- Writes the job into what knows it beside its queue, as `ties` in lib.lua has it.
local function tie(id, tenant, ties, place)
  local marks, tags = tenant ~= '' and 't' or '', ties.tags or NONE
  if tenant ~= '' then
    name_once(yard('tenants'), tenant)
    name_once(yard('indexes'), 'tenant:' .. tenant)
    later('ZADD', yard('tenant', tenant), place, id)
  end
  for _, tag in ipairs(tags) do
    name_once(yard('indexes'), 'tag:' .. tenant .. ':' .. tag)
    later('ZADD', tagged(tenant, tag), place, id)
    marks = 't'
  end
  if ties.unique then
    name_once(yard('indexes'), 'unique:' .. tenant)
    redis.call('HSET', yard('unique', tenant), ties.unique, id)
    redis.call('HSET', key('job', id), 'unique', ties.unique)
    marks = marks .. 'u'
  end
  if ties.waiting then
    name_once(yard('indexes'), 'waiting:' .. tenant)
    later('SADD', yard('waiting', tenant), id)
    marks = marks .. 'w'
  end
  redis.call('HSET', key('job', id), 'ties', marks)
  if tenant ~= '' then redis.call('HSET', key('job', id), 'tenant', tenant) end
end

local function index_new(id, queue, tenant, ties)
  local place = string.format('%.0f', NOW_US + STORED)
  later('ZADD', yard('jobs', queue), place, id)
  if tenant ~= '' or ties ~= NONE then tie(id, tenant, ties, place) end
  STORED, KNOWN[id] = STORED + 1, true
  if not KNOWN_QUEUES[queue] then
    KNOWN_QUEUES[queue] = true
    later('SADD', key('queues'), key('queue', queue))
  end
  count(queue, 'submitted')
end

local function due_of(due)
  local due_ms = tonumber(due) or NOW
  return string.sub(due, 1, 1) == '+' and NOW + due_ms or due_ms
end

-- Whether the job at an index is nothing new: outcome and the id of the job that there is.
local function known(at)
  local id, idem = ARGV[at], ARGV[at + 4]
  if idem ~= '' then
    local held = redis.call('GET', yard('idem', idem))
    if held then
      local fingerprint, first = string.match(held, '^(%S*) (.*)$')
      return fingerprint == ARGV[at + 5] and 'replayed' or 'conflict', first or ''
    end
  end
  if KNOWN[id] then return 'exists', id end
end

local function remember_answer(at, id)
  if ARGV[at + 4] == '' then return end
  redis.call('SET', yard('idem', ARGV[at + 4]), ARGV[at + 5] .. ' ' .. id, 'PX', ARGV[at + 6])
end

-- Writes the job at an index, for a tenant of its own or that of the job which left it. Returns its
-- status.
local function write_new(at, heir_of)
  local id, queue, last = ARGV[at], ARGV[at + 1], at + HEAD - 1 + tonumber(ARGV[at + 9])
  remember_answer(at, id)
  index_new(id, queue, heir_of or ARGV[at + 2], TIES[at])
  if ARGV[at + 7] ~= '' then redis.call('SET', yard('payload', id), ARGV[at + 7]) end
  local due_ms, job = due_of(ARGV[at + 3]), key('job', id)
  if due_ms > NOW then
    redis.call('HSET', job, 'created_at', iso(NOW), 'origin', queue, 'status', 'scheduled',
      unpack(ARGV, at + HEAD, last))
    sleep_until(id, queue, due_ms, 'scheduled')
    return 'scheduled'
  end
  redis.call('HSET', job, 'created_at', iso(NOW), 'origin', queue, 'status', 'queued',
    'enqueued_at', iso(NOW), unpack(ARGV, at + HEAD, last))
  push(id, queue, false)
  return 'queued'
end

-- Stores the job at an index, unless it is nothing new. Returns outcome, id, status.
local function store_new(at, heir_of)
  local outcome, first = known(at)
  if outcome then return outcome, first, '' end
  return 'created', ARGV[at], write_new(at, heir_of)
end
local function after_new(at) return at + HEAD + tonumber(ARGV[at + 9]) end
