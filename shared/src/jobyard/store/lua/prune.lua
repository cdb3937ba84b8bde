-- prune: forgets terminal jobs whose time is over, in chunks; keeps long running jobs listed.
-- KEYS none  ARGV prefix, limit
-- Returns how many were forgotten.

local limit, pruned = tonumber(ARGV[2]), 0
local seconds = math.floor(NOW / 1000)

local function forget(queue, registry)
  local ended = key(registry, queue)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ended, '-inf', seconds, 'LIMIT', 0, limit - pruned)) do
    redis.call('ZREM', ended, id)
    redis.call('ZREM', yard('jobs', queue), id)
    redis.call('DEL', key('job', id), key('results', id))
    pruned = pruned + 1
  end
end

-- RQ's own clean-up takes entries of wip whose score has passed for abandoned ones.
local function refresh(queue)
  local running = key('wip', queue)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', running, '-inf', seconds + 43200, 'LIMIT', 0, limit)) do
    redis.call('ZADD', running, 'XX', seconds + 86400, member)
  end
end

each_queue(function(queue)
  for _, registry in ipairs({ 'finished', 'failed', 'canceled' }) do forget(queue, registry) end
  refresh(queue)
end)
return pruned
