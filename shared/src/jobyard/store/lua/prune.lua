-- prune: forgets terminal jobs whose time is over, in chunks; keeps long running jobs listed, and the
-- changes of a queue within their memory.
-- KEYS none  ARGV prefix, limit, bytes that the changes of a queue may take
-- Returns a pair a queue where some were forgotten: its name, how many.

local limit, pruned, cursors = tonumber(ARGV[2]), 0, yard('pruner')
local replies, event_bytes = {}, tonumber(ARGV[3])
expect('hash', cursors)
local seconds = math.floor(NOW / 1000)

-- What RQ's own clients cancel has no TTL, and stands in the registry as if its time were over.
local function adopt(id, queue, registry)
  local job = fields(id, 'result_ttl', 'failure_ttl', 'payload_bytes', 'result_bytes', 'ties') or {}
  keep(id, queue, registry, whole_number(job[registry == 'finished' and 1 or 2] or nil) or 604800,
    apart_of(job[3], job[4]), job[5])
  if job[5] then untie(id, job[5], true) end
end

-- From 0 on: RQ keeps what it never forgets below.
local function forget_over(queue, registry)
  local ended, gone = key(registry, queue), {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ended, 0, seconds, 'LIMIT', 0, limit - pruned)) do
    if redis.call('TTL', key('job', id)) == -1 then adopt(id, queue, registry) else gone[#gone + 1] = id end
  end
  if registry ~= 'finished' then cut_dependents(gone) end
  for _, id in ipairs(gone) do
    later('ZREM', ended, id)
    forget(id, queue)
  end
  pruned = pruned + #gone
  return #gone
end

-- RQ's own clean-up takes entries of wip whose score has passed for abandoned ones.
local function refresh(queue)
  local running = key('wip', queue)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', running, '-inf', seconds + 43200, 'LIMIT', 0, limit)) do
    redis.call('ZADD', running, 'XX', seconds + 86400, member)
  end
end

-- RQ's tools may empty a registry or delete a job before we do: the index must not keep ghosts.
-- It is walked a chunk a call; the place reached is kept while there is more.
local function sweep(queue)
  local index, from = yard('jobs', queue), redis.call('HGET', cursors, queue) or '-inf'
  local rows = redis.call('ZRANGEBYSCORE', index, from, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
  for i = 1, #rows, 2 do
    if redis.call('EXISTS', key('job', rows[i])) == 0 then forget(rows[i], queue) end
  end
  if #rows == limit * 2 then redis.call('HSET', cursors, queue, rows[#rows])
  elseif from ~= '-inf' then redis.call('HDEL', cursors, queue) end
end

-- An hour of changes is gigabytes where thousands of jobs run a second. A tenth more than must goes, so
-- that the next time comes later. From when on all are there is noted: see places.lua.
local MOST_TRIMMED = 100000
local function trim_events(queue)
  local stream = yard('events', queue)
  local size = takes_more(stream, event_bytes)
  if not size then return end
  local kept = math.floor(redis.call('XLEN', stream) * 0.9 * event_bytes / size)
  if redis.call('XTRIM', stream, 'MAXLEN', '~', kept, 'LIMIT', MOST_TRIMMED) == 0 then return end
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  local from = oldest and tonumber(string.match(oldest[1], '^%d+')) + 1 or NOW
  redis.call('HSET', cursors, 'events ' .. queue, string.format('%.0f', from))
end

each_queue(function(queue)
  local gone = 0
  for _, registry in ipairs({ 'finished', 'failed', 'canceled' }) do gone = gone + forget_over(queue, registry) end
  if gone > 0 then replies[#replies + 1], replies[#replies + 2] = queue, gone end
  refresh(queue)
  sweep(queue)
  trim_events(queue)
end)
flush()
return replies
