-- promote: what is due goes to its queue, only if it is still scheduled (closes W15, W16).
-- Safe in any number of schedulers at once.
-- KEYS none  ARGV prefix, limit
-- Returns promoted, and ms until the next is due ('' when nothing is scheduled).

local limit, promoted, next_ms = tonumber(ARGV[2]), 0, nil
expect('hash', yard('dead', 'unreadable'))

local function promote(id, queue)
  redis.call('ZREM', key('scheduled', queue), id)
  local job = fields(id, 'status')
  if job == false then return quarantine(id, queue, 'the job is not a hash') end
  if not job then return count(queue, 'vanished') end
  if job[1] ~= 'scheduled' then return pass_over(id, queue, job[1]) end
  make_ready_as_asked(id, queue)
  promoted = promoted + 1
end

each_queue(function(queue)
  local sleeping = key('scheduled', queue)
  local now = string.format('%.3f', NOW / 1000)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', sleeping, '-inf', now, 'LIMIT', 0, limit - promoted)) do
    promote(id, queue)
  end
  local first = redis.call('ZRANGE', sleeping, 0, 0, 'WITHSCORES')
  if first[2] then
    local wait = math.max(0, tonumber(first[2]) * 1000 - NOW)
    if not next_ms or wait < next_ms then next_ms = wait end
  end
end)
flush()
return { promoted, next_ms and string.format('%.0f', next_ms) or '' }
