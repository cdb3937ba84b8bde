-- settling: what both scripts that end deliveries have in common, settle.lua and settle_rq.lua.

local SECONDS = {} -- ms → text: many end in the same millisecond
local function seconds(ms)
  local text = SECONDS[ms]
  if not text then
    text = string.format('%.6f', ms / 1000)
    SECONDS[ms] = text
  end
  return text
end

-- A child that died by itself: its job runs again as a suspect, or has used up its crash budget.
local function crash(id, queue, budget, ended)
  local job = key('job', id)
  if bump(job, 'crashes', 1) >= budget then return finish(id, queue, 'failed', ended) end
  redis.call('HSET', job, 'suspect', '1')
  redis.call('HDEL', job, 'worker_name') -- the token stays: it tells a repeated call
  count(queue, 'crashed')
  make_ready(id, queue, true)
end

-- The totals that RQ's tools show of a worker.
local function tally_worker(worker, worked_ms, good, bad)
  if redis.call('EXISTS', key('worker', worker)) == 0 then return end
  bump(key('worker', worker), 'successful_job_count', good)
  bump(key('worker', worker), 'failed_job_count', bad)
  redis.pcall('HINCRBYFLOAT', key('worker', worker), 'total_working_time', seconds(worked_ms))
end

-- Ends each delivery that is still the worker's by `apply`(id, queue, at, job). Those that begin at
-- `starts` are id token kind started-ago-ms ended-ago-ms …; `held` says the queue of each member.
local function settle_each(worker, starts, members, held, apply)
  local replies, worked_ms, good, bad = {}, 0, 0, 0
  for i, at in ipairs(starts) do
    local id, member, queue = ARGV[at], members[i], held[members[i]]
    local outcome, job = owned(member, id, ARGV[at + 1], queue)
    if queue and outcome ~= 'again' then drop_hold(worker, member, queue) end
    if outcome == 'mine' then
      apply(id, queue, at, job)
      outcome = 'done'
      worked_ms = worked_ms + tonumber(ARGV[at + 3]) - tonumber(ARGV[at + 4])
      if ARGV[at + 2] == 'succeeded' then good = good + 1 else bad = bad + 1 end
    elseif outcome == 'stale' then
      count(queue or (fields(id, 'origin') or {})[1] or 'unknown', 'stale')
    end
    replies[i] = outcome
  end
  flush()
  tally_worker(worker, worked_ms, good, bad)
  return replies
end
