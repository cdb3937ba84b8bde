-- storing: stores new jobs; a part of the scripts that do: submit, fire, and settle (follow-ups).
-- A job is: id queue tenant due idem-key idem-fingerprint idem-ttl payload n, n × field/value; tenant is
-- '' for none, due is '' (now), '+ms' (from now) or ms since the epoch, payload is '' unless it is apart.

local HEAD = 9 -- values of a job before its fields
local STORED = 0
local KNOWN = {} -- ids that are stored, and queues that RQ's set of queues has
local function guard_tenant(tenant)
  expect('zset', yard('tenant', tenant))
  expect('set', yard('tenants'))
end
local function guard_new(at)
  local id, queue, tenant = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  guard(queue, 'ready', ARGV[at + 3] ~= '' and 'delayed' or nil)
  if tenant ~= '' then guard_tenant(tenant) end
  if not KNOWN.queues then KNOWN.queues = expect('set', key('queues')) or true end
  KNOWN[id] = expect('hash', key('job', id))
  if ARGV[at + 4] ~= '' then expect('string', yard('idem', ARGV[at + 4])) end
  if ARGV[at + 7] ~= '' then expect('string', yard('payload', id)) end
  return at + HEAD + tonumber(ARGV[at + 8])
end
local function due_of(due)
  local due_ms = tonumber(due) or NOW
  return string.sub(due, 1, 1) == '+' and NOW + due_ms or due_ms
end
local function index_new(id, queue, tenant)
  local place = string.format('%.0f', NOW_US + STORED)
  later('ZADD', yard('jobs', queue), place, id)
  if tenant ~= '' then
    redis.call('HSET', key('job', id), 'tenant', tenant)
    later('ZADD', yard('tenant', tenant), place, id)
    if not KNOWN['tenant ' .. tenant] then
      KNOWN['tenant ' .. tenant] = true
      later('SADD', yard('tenants'), tenant)
    end
  end
  STORED, KNOWN[id] = STORED + 1, true
  if not KNOWN['queue ' .. queue] then
    KNOWN['queue ' .. queue] = true
    later('SADD', key('queues'), key('queue', queue))
  end
  count(queue, 'submitted')
end

-- Stores the job at an index, for a tenant of its own or that of the job which left it. Returns
-- outcome, id, state, next index.
local function store_new(at, heir_of)
  local id, queue, idem = ARGV[at], ARGV[at + 1], ARGV[at + 4]
  local after = at + HEAD + tonumber(ARGV[at + 8])
  if idem ~= '' then
    local held = redis.call('GET', yard('idem', idem))
    if held then
      local fingerprint, first = string.match(held, '^(%S*) (.*)$')
      return fingerprint == ARGV[at + 5] and 'replayed' or 'conflict', first or '', '', after
    end
  end
  if KNOWN[id] then return 'exists', id, '', after end
  if idem ~= '' then
    redis.call('SET', yard('idem', idem), ARGV[at + 5] .. ' ' .. id, 'PX', ARGV[at + 6])
  end
  index_new(id, queue, heir_of or ARGV[at + 2])
  if ARGV[at + 7] ~= '' then redis.call('SET', yard('payload', id), ARGV[at + 7]) end
  local due_ms, job = due_of(ARGV[at + 3]), key('job', id)
  if due_ms > NOW then
    redis.call('HSET', job, 'created_at', iso(NOW), 'origin', queue, 'status', 'scheduled',
      unpack(ARGV, at + HEAD, after - 1))
    sleep_until(id, queue, due_ms, 'scheduled')
    return 'created', id, 'scheduled', after
  end
  redis.call('HSET', job, 'created_at', iso(NOW), 'origin', queue, 'status', 'queued',
    'enqueued_at', iso(NOW), unpack(ARGV, at + HEAD, after - 1))
  push(id, queue, false)
  return 'created', id, 'queued', after
end
