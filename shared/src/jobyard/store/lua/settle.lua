-- settle: ends deliveries: success, failure, retry, cancel, or the crash of an isolated child.
-- A token that is not the job's changes nothing (closes W3, W6, W12, W17); sent twice it acts once.
-- What a successful job enqueued becomes visible in the same step.
-- KEYS none  ARGV prefix, worker, n, then n × (id token kind started-ago-ms ended-ago-ms value error
-- number apart m, m × journal/line, f, f × job as in submit)
-- kind: succeeded | failed | retrying | canceled | crashed; value: base64 of the result or traceback,
-- as RQ's results keep it; error: JSON; number: delay in ms (retrying), crash budget (crashed);
-- apart: the result where it is large (value then says so), else ''.
-- Returns n × outcome: done | again | stale | vanished.

local worker = ARGV[2]
local RESULT_TYPE = { succeeded = 1, failed = 2, canceled = 3, retrying = 4, crashed = 2 } -- rq.results.Result.Type
local STATUS = { succeeded = 'finished', failed = 'failed', canceled = 'canceled' }
local JOURNAL_CAP = 1000
expect('hash', yard('held', worker))
expect('hash', yard('dead', 'unreadable'))
expect('hash', yard('mail', worker))
expect('hash', key('worker', worker))

-- What a job leaves belongs to its tenant: jobs, and lines in journals.
local TENANT = {} -- by id, of those that leave something
local function know_tenant(id)
  local tenant = (fields(id, 'tenant') or {})[1] or ''
  if tenant ~= '' then guard_ties(tenant, {}) end
  TENANT[id] = tenant
end
local function journal_of(id, name) return yard('journal', TENANT[id] ~= '' and TENANT[id] .. ':' .. name or name) end

-- Where each settlement begins; all types are checked on the way.
local starts, members = {}, {}
local function check(at)
  local lines, jobs = at + 10, at + 10 + tonumber(ARGV[at + 9])
  if ARGV[at + 8] ~= '' then expect('string', yard('result', ARGV[at])) end
  if ARGV[at + 9] ~= '0' or ARGV[jobs] ~= '0' then know_tenant(ARGV[at]) end
  for i = lines, jobs - 1, 2 do expect('stream', journal_of(ARGV[at], ARGV[i])) end
  local after = jobs + 1
  for _ = 1, tonumber(ARGV[jobs]) do after = guard_new(after) end
  return after
end
local next_at = 4
for i = 1, tonumber(ARGV[3]) do
  starts[i], members[i] = next_at, ARGV[next_at] .. ':' .. ARGV[next_at + 1]
  next_at = check(next_at)
end
local held = queues_held(worker, members)
guard_each(held)

-- Of a value and an error the one that is there, or both, each behind its field.
local function said(kind, value, problem)
  local field = kind == 'succeeded' and 'return_value' or 'exc_string'
  if problem == '' then
    if value ~= '' then return field, value end
    return
  end
  if value == '' then return 'error', problem end
  return field, value, 'error', problem
end

-- How it ended, as RQ's results say it. Where a foreign key stands in their place, the job ends as
-- it did, and the list of what cannot be read says why its result is missing.
local function remember(id, queue, kind, at, started, ended)
  local reply = redis.pcall('XADD', key('results', id), 'MAXLEN', '10', '*', 'type', RESULT_TYPE[kind],
    'worker_name', worker, 'execution_id', ARGV[at + 1], 'execution_started_at', seconds(started),
    'execution_ended_at', seconds(ended), said(kind, ARGV[at + 5], ARGV[at + 6]))
  if reply.err then
    FOREIGN[id] = true
    quarantine(id, queue, 'its results are of a foreign type: ' .. reply.err)
  end
end

-- What a successful job leaves: lines in journals, and jobs.
local function leave(id, at)
  local jobs = at + 10 + tonumber(ARGV[at + 9])
  for i = at + 10, jobs - 1, 2 do
    redis.call('XADD', journal_of(id, ARGV[i]), 'MAXLEN', JOURNAL_CAP, '*', 'id', id, 'line', ARGV[i + 1])
  end
  local next_job = jobs + 1
  for _ = 1, tonumber(ARGV[jobs]) do
    store_new(next_job, TENANT[id])
    next_job = after_new(next_job)
  end
end

local function retry(id, queue, delay_ms, ...)
  count(queue, 'retried')
  redis.call('HDEL', key('job', id), 'suspect')
  if delay_ms > 0 then
    redis.call('HSET', key('job', id), 'status', 'scheduled', ...)
    return sleep_until(id, queue, NOW + delay_ms, 'retrying')
  end
  redis.call('HSET', key('job', id), 'status', 'queued', 'enqueued_at', iso(NOW), ...)
  push(id, queue, false)
end

-- A large result has a key of its own; an earlier one, of a job that was made to run again, is gone.
local function set_apart(id, result, job)
  if result ~= '' then
    redis.call('SET', yard('result', id), result)
    redis.call('HSET', key('job', id), 'result_bytes', #result)
  elseif job[8] then
    redis.call('DEL', yard('result', id))
    redis.call('HDEL', key('job', id), 'result_bytes')
  end
  return apart_of(job[7], result ~= '' and #result)
end

local function apply(id, queue, at, job)
  local kind, started, ended = ARGV[at + 2], NOW - tonumber(ARGV[at + 3]), NOW - tonumber(ARGV[at + 4])
  if job[3] == '1' and (kind == 'retrying' or kind == 'crashed') then kind = 'canceled' end
  remember(id, queue, kind, at, started, ended)
  if kind == 'crashed' then return crash(id, queue, tonumber(ARGV[at + 7]), ended) end
  local ttl = job[6]
  local attempts = string.format('%d', (whole_number(job[4]) or 0) + 1)
  if kind == 'retrying' then
    return retry(id, queue, tonumber(ARGV[at + 7]), 'attempts', attempts, 'started_at', iso(started))
  end
  local apart = apart_of(job[7], job[8])
  if kind == 'succeeded' then
    if ARGV[at + 9] ~= '0' or ARGV[at + 10] ~= '0' then leave(id, at) end
    if job[8] or ARGV[at + 8] ~= '' then apart = set_apart(id, ARGV[at + 8], job) end
    ttl = job[5]
  end
  conclude(id, queue, STATUS[kind], ttl, apart, job[9], ended,
    'attempts', attempts, 'started_at', iso(started))
end

return settle_each(worker, starts, members, held, apply)
