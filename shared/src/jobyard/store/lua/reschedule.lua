-- reschedule: a job that waits, for its turn or its time, becomes due at another time.
-- A nonce that the job has seen changes nothing: the call was sent twice.
-- KEYS none  ARGV prefix, tenant (whose jobs they must be; '' for anybody's), nonce, due ('+ms' from now,
-- or ms since the epoch), n × id
-- Returns n × outcome: done | ended | running | waiting (for other jobs) | missing.

local tenant, nonce, due_ms = ARGV[2], ARGV[3], tonumber(ARGV[4])
if string.sub(ARGV[4], 1, 1) == '+' then due_ms = NOW + due_ms end

local function reschedule(id)
  local job = is_of(id, tenant) and fields(id, 'status', 'origin', 'moved_by', 'attempts')
  if not job or not job[1] then return 'missing' end
  local status, queue = job[1], job[2] or 'default'
  if was_moved(job[3], nonce) then return 'done' end
  if status == 'started' then return 'running' end
  if status ~= 'queued' and status ~= 'scheduled' then
    return ENDS[status] and 'ended' or 'waiting'
  end
  redis.call('HSET', key('job', id), 'moved_by', moved_by(job[3], nonce))
  take_out(id, queue)
  if due_ms <= NOW then
    make_ready_as_asked(id, queue)
  else
    release_slot(id, redis.call('HGET', key('job', id), 'rate_limit_key'))
    make_due(id, queue, due_ms, (tonumber(job[4] or '') or 0) > 0 and 'retrying' or 'scheduled')
  end
  return 'done'
end

return move_each(5, reschedule)
