-- retry: a job that failed or was canceled is queued anew: its attempts begin again, its history stays.
-- A nonce that the job has seen changes nothing: the call was sent twice.
-- KEYS none  ARGV prefix, tenant (whose jobs they must be; '' for anybody's), nonce, n × id
-- Returns n × outcome: done | ended (and did not fail) | running | waiting | taken (another job has its
-- unique key by now) | missing.

local tenant, nonce = ARGV[2], ARGV[3]

-- What knew the job until it ended knows it again: its unique key, and the jobs of its tenant that wait.
local function tie_again(id, ties, owner, unique)
  if is_tied(ties, 'u') and unique then redis.call('HSET', yard('unique', owner), unique, id) end
  if is_tied(ties, 'w') then redis.call('SADD', yard('waiting', owner), id) end
end

-- Its runs are no part of the trace that first asked for it any more, only linked to it.
local function unpart(id, trace)
  if trace and not string.find(trace, ';', 1, true) then redis.call('HSET', key('job', id), 'trace', trace .. ';link') end
end

local function retry(id)
  local job = is_of(id, tenant) and fields(id, 'status', 'origin', 'moved_by', 'expires_at', 'expired', 'ties',
    'tenant', 'unique', 'trace')
  if not job or not job[1] then return 'missing' end
  local status, queue, registry = job[1], job[2] or 'default', ENDS[job[1]]
  if was_moved(job[3], nonce) then return 'done' end
  if status == 'started' then return 'running' end
  if not registry then return 'waiting' end
  local is_late = job[5] or (tonumber(job[4] or '') or NOW) < NOW
  if status == 'finished' or is_late then return 'ended' end
  if job[8] and holder_of(job[7] or '', job[8]) then return 'taken' end
  tie_again(id, job[6], job[7] or '', job[8])
  redis.call('ZREM', key(registry, queue), id)
  for _, name in ipairs({ keys_of(id) }) do redis.call('PERSIST', name) end
  redis.pcall('ZREM', yard('apart', queue), id)
  redis.call('HDEL', key('job', id), 'attempts', 'crashes', 'releases', 'cancel', 'worker_name',
    'started_at', 'ended_at', 'progress', 'told_at')
  redis.call('HSET', key('job', id), 'moved_by', moved_by(job[3], nonce))
  unpart(id, job[9])
  count(queue, 'requeued')
  make_ready_as_asked(id, queue)
  return 'done'
end

return move_each(4, retry)
