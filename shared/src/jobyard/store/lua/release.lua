-- release: gives deliveries back to the head of their queue, in the order given: neither an
-- attempt nor a crash. After ten of a job that was running it is longer than any grace and becomes
-- a dead letter; one that no slot had started is given back as often as it takes.
-- Closes the loss of jobs at SIGTERM.
-- KEYS none  ARGV prefix, worker, started (1 | 0), n, then n × (id token)
-- Returns n × outcome: done | again | stale | vanished.

local worker, started = ARGV[2], ARGV[3] == '1'
local MOST = 10
AFTER = tend_all
expect('hash', yard('held', worker))
expect('hash', yard('mail', worker))
local members = {}
for at = 5, #ARGV, 2 do
  members[#members + 1] = ARGV[at] .. ':' .. ARGV[at + 1]
  expect('stream', key('results', ARGV[at]))
end
local held = queues_held(worker, members)
guard_each(held)

local function dead_letter(id, queue)
  redis.call('XADD', key('results', id), 'MAXLEN', 10, '*', 'type', 2, 'worker_name', worker, 'error',
    cjson.encode({ type = 'ReleasedTooOften', message = 'The job was given back ' .. MOST ..
      ' times by stopping workers: it is longer than any grace. Raise JOBYARD_GRACE_SECONDS.' }))
  finish(id, queue, 'failed', NOW)
end

local function give_back(id, queue, cancel)
  redis.call('HDEL', key('job', id), 'worker_name') -- the token stays: it tells a repeated call
  if cancel then return finish(id, queue, 'canceled', NOW) end
  if started and bump(key('job', id), 'releases', 1) > MOST then return dead_letter(id, queue) end
  count(queue, 'released')
  make_ready(id, queue, true)
end

local replies = {}
for at = #ARGV - 1, 5, -2 do
  local member = ARGV[at] .. ':' .. ARGV[at + 1]
  local queue = held[member]
  local outcome, job = owned(member, ARGV[at], ARGV[at + 1], queue)
  if queue and outcome ~= 'again' then drop_hold(worker, member, queue) end
  if outcome == 'mine' then
    give_back(ARGV[at], queue, job[3] == '1')
    outcome = 'done'
  end
  table.insert(replies, 1, outcome)
end
flush()
return replies
