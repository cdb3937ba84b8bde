-- promote: what is due goes to its queue, only if it is still scheduled (closes W15, W16).
-- Safe in any number of schedulers at once.
-- KEYS none  ARGV prefix, limit
-- Returns promoted, ms until the next is due ('' when nothing is scheduled), and for how many ms the
-- longest overdue of those that were promoted had been due.

local limit, promoted, next_ms, late_ms = tonumber(ARGV[2]), 0, nil, 0
expect('hash', yard('dead', 'unreadable'))

local function promote(id, queue, due)
  redis.call('ZREM', key('scheduled', queue), id)
  local job = fields(id, 'status')
  if job == false then return quarantine(id, queue, 'the job is not a hash') end
  if not job then return count(queue, 'vanished') end
  if job[1] ~= 'scheduled' then return pass_over(id, queue, job[1]) end
  make_ready_as_asked(id, queue)
  promoted = promoted + 1
  late_ms = math.max(late_ms, NOW - (tonumber(due) or 0) * 1000)
end

each_queue(function(queue)
  local sleeping = key('scheduled', queue)
  local now = string.format('%.3f', NOW / 1000)
  local rows = redis.call('ZRANGEBYSCORE', sleeping, '-inf', now, 'WITHSCORES', 'LIMIT', 0,
    limit - promoted)
  for i = 1, #rows, 2 do promote(rows[i], queue, rows[i + 1]) end
  local first = redis.call('ZRANGE', sleeping, 0, 0, 'WITHSCORES')
  if first[2] then
    local wait = math.max(0, tonumber(first[2]) * 1000 - NOW)
    if not next_ms or wait < next_ms then next_ms = wait end
  end
end)
flush()
return { promoted, next_ms and string.format('%.0f', next_ms) or '', math.floor(late_ms) }
