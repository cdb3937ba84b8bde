-- settle: ends deliveries: success, failure, retry, cancel, or the crash of an isolated child.
-- A token that is not the job's changes nothing (closes W3, W6, W12, W17); sent twice it acts once.
-- KEYS none  ARGV prefix, worker, n, then n × (id token kind started-ago-ms ended-ago-ms value error number m, m × journal/line)
-- kind: succeeded | failed | retrying | canceled | crashed; value: base64 of the result or traceback,
-- as RQ's results keep it; error: JSON; number: delay in ms (retrying), crash budget (crashed).
-- Returns n × outcome: done | again | stale | vanished.

local worker = ARGV[2]
local RESULT_TYPE = { succeeded = 1, failed = 2, canceled = 3, retrying = 4, crashed = 2 } -- rq.results.Result.Type
local STATUS = { succeeded = 'finished', failed = 'failed', canceled = 'canceled' }
local JOURNAL_CAP = 1000
expect('hash', yard('held', worker))
expect('hash', yard('mail', worker))
expect('hash', key('worker', worker))

local function seconds(ms) return string.format('%.6f', ms / 1000) end

local function remember(id, token, kind, started, ended, value, problem)
  local row = { 'type', RESULT_TYPE[kind], 'worker_name', worker, 'execution_id', token,
    'execution_started_at', seconds(started), 'execution_ended_at', seconds(ended) }
  if value ~= '' then
    row[#row + 1] = kind == 'succeeded' and 'return_value' or 'exc_string'
    row[#row + 1] = value
  end
  if problem ~= '' then
    row[#row + 1] = 'error'
    row[#row + 1] = problem
  end
  redis.call('XADD', key('results', id), 'MAXLEN', 10, '*', unpack(row))
end

local function leave_lines(id, first, last)
  for i = first, last, 2 do
    redis.call('XADD', yard('journal', ARGV[i]), 'MAXLEN', JOURNAL_CAP, '*', 'id', id, 'line', ARGV[i + 1])
  end
end

local function apply(id, token, queue, at, cancel)
  local kind, started, ended = ARGV[at + 2], NOW - tonumber(ARGV[at + 3]), NOW - tonumber(ARGV[at + 4])
  local job, number = key('job', id), tonumber(ARGV[at + 7])
  if cancel and (kind == 'retrying' or kind == 'crashed') then kind = 'canceled' end
  remember(id, token, kind, started, ended, ARGV[at + 5], ARGV[at + 6])
  if kind == 'crashed' then
    if bump(job, 'crashes', 1) >= number then return finish(id, queue, 'failed', ended) end
    redis.call('HSET', job, 'suspect', '1')
    redis.call('HDEL', job, 'worker_name') -- the token stays: it tells a repeated call
    count(queue, 'crashed')
    return make_ready(id, queue, true)
  end
  bump(job, 'attempts', 1)
  if kind == 'retrying' then
    redis.call('HSET', job, 'started_at', iso(started))
    count(queue, 'retried')
    redis.call('HDEL', job, 'suspect')
    if number > 0 then return make_due(id, queue, NOW + number, 'retrying') end
    return make_ready(id, queue, false)
  end
  if kind == 'succeeded' then leave_lines(id, at + 9, at + 8 + tonumber(ARGV[at + 8])) end
  finish(id, queue, STATUS[kind], ended, 'started_at', iso(started))
end

local at = 4
for _ = 1, tonumber(ARGV[3]) do
  local queue = redis.call('HGET', yard('held', worker), ARGV[at] .. ':' .. ARGV[at + 1])
  if queue then guard(queue) end
  expect('stream', key('results', ARGV[at]))
  for i = at + 9, at + 8 + tonumber(ARGV[at + 8]), 2 do expect('stream', yard('journal', ARGV[i])) end
  at = at + 9 + tonumber(ARGV[at + 8])
end

local replies, worked, good, bad = {}, 0, 0, 0
at = 4
for _ = 1, tonumber(ARGV[3]) do
  local id, token = ARGV[at], ARGV[at + 1]
  local outcome, queue, member, cancel = owned(worker, id, token)
  if queue then drop_hold(worker, member, queue) end
  if outcome == 'mine' then
    apply(id, token, queue, at, cancel)
    outcome = 'done'
    worked = worked + tonumber(ARGV[at + 3]) - tonumber(ARGV[at + 4])
    if ARGV[at + 2] == 'succeeded' then good = good + 1 else bad = bad + 1 end
  elseif outcome == 'stale' then
    count(queue or (fields(id, 'origin') or {})[1] or 'unknown', 'stale')
  end
  replies[#replies + 1] = outcome
  at = at + 9 + tonumber(ARGV[at + 8])
end
flush()
if redis.call('EXISTS', key('worker', worker)) == 1 then
  bump(key('worker', worker), 'successful_job_count', good)
  bump(key('worker', worker), 'failed_job_count', bad)
  redis.pcall('HINCRBYFLOAT', key('worker', worker), 'total_working_time', seconds(worked))
end
return replies
