-- settle_rq: ends deliveries of jobs that plain RQ code enqueued, as RQ means it, in one step where
-- RQ takes several: results, registries, retry, repeat, dependents, rate limit (closes W3, W6, W12,
-- W15, W19). A token that is not the job's changes nothing; sent twice it acts once.
-- KEYS none  ARGV prefix, worker, n, then n × (id token kind started-ago-ms ended-ago-ms value-field
-- value error number at-head result-type m, m × field/value of the job's hash)
-- kind: succeeded | failed | retrying | canceled | crashed | stopped; error: JSON;
-- number: delay in ms (retrying), crash budget (crashed).
-- Returns n × outcome: done | again | stale | vanished.

local worker, WIDTH = ARGV[2], 12
local STATUS = { succeeded = 'finished', failed = 'failed', canceled = 'canceled', stopped = 'stopped' }
AFTER = tend_all
expect('hash', yard('held', worker))
expect('hash', yard('mail', worker))
expect('hash', key('worker', worker))

local function remember(id, at, started, ended)
  local row = { 'type', ARGV[at + 10], 'worker_name', worker, 'execution_id', ARGV[at + 1],
    'execution_started_at', seconds(started), 'execution_ended_at', seconds(ended) }
  if ARGV[at + 6] ~= '' then
    row[#row + 1] = ARGV[at + 5]
    row[#row + 1] = ARGV[at + 6]
  end
  if ARGV[at + 7] ~= '' then
    row[#row + 1] = 'error'
    row[#row + 1] = ARGV[at + 7]
  end
  redis.call('XADD', key('results', id), 'MAXLEN', 10, '*', unpack(row))
end

-- RQ's Repeat: the first interval is next, the last one is used again.
local function next_repeat(job)
  local left = redis.call('HMGET', job, 'repeats_left', 'repeat_intervals')
  local times = tonumber(left[1] or '') or 0
  if times <= 0 then return nil end
  local readable, intervals = pcall(cjson.decode, left[2] or '[]')
  if not readable or type(intervals) ~= 'table' then intervals = {} end
  local seconds_apart = tonumber(intervals[1]) or 0
  if #intervals > 1 then table.remove(intervals, 1) end
  redis.call('HSET', job, 'repeats_left', times - 1)
  if #intervals > 0 then redis.call('HSET', job, 'repeat_intervals', cjson.encode(intervals)) end
  return seconds_apart
end

local function again(id, queue, due_ms, state, at_head)
  if due_ms <= NOW then return make_ready(id, queue, at_head) end
  make_due(id, queue, due_ms, state)
  release_slot(id, redis.call('HGET', key('job', id), 'rate_limit_key'))
end

local function repeat_it(id, queue, seconds_apart)
  redis.call('HDEL', key('job', id), 'attempts', 'crashes', 'releases', 'suspect', 'worker_name')
  event(queue, id, 'succeeded')
  count(queue, 'succeeded')
  tend_dependents({ id, queue, 'finished' })
  again(id, queue, NOW + seconds_apart * 1000, 'scheduled', false)
end

local function apply(id, queue, at, found)
  local kind, started, ended = ARGV[at + 2], NOW - tonumber(ARGV[at + 3]), NOW - tonumber(ARGV[at + 4])
  local job, number, last = key('job', id), tonumber(ARGV[at + 8]), at + WIDTH - 1 + tonumber(ARGV[at + 11])
  if found[3] == '1' and (kind == 'retrying' or kind == 'crashed') then kind = 'canceled' end
  remember(id, at, started, ended)
  if last >= at + WIDTH then redis.call('HSET', job, unpack(ARGV, at + WIDTH, last)) end
  if kind == 'crashed' then return crash(id, queue, number, ended) end
  bump(job, 'attempts', 1)
  if kind == 'retrying' then
    redis.call('HSET', job, 'started_at', iso(started), 'ended_at', iso(ended))
    redis.call('HDEL', job, 'suspect')
    count(queue, 'retried')
    return again(id, queue, NOW + number, 'retrying', ARGV[at + 9] == '1')
  end
  local seconds_apart = kind == 'succeeded' and next_repeat(job)
  if seconds_apart then return repeat_it(id, queue, seconds_apart) end
  finish(id, queue, STATUS[kind], ended, 'started_at', iso(started))
end

local starts, members, at = {}, {}, 4
for i = 1, tonumber(ARGV[3]) do
  expect('stream', key('results', ARGV[at]))
  starts[i], members[i] = at, ARGV[at] .. ':' .. ARGV[at + 1]
  at = at + WIDTH + tonumber(ARGV[at + 11])
end
local held = queues_held(worker, members)
guard_each(held)

return settle_each(worker, starts, members, held, apply)
