-- queues: depths and counts of every queue, each in constant time. Changes nothing.
-- KEYS none  ARGV prefix
-- Returns a list a queue: name, queued, running, scheduled, blocked, succeeded, failed, canceled,
-- workers, enqueued_at of the oldest waiting job or '', counters (flat).

local function card(command, name)
  local reply = redis.pcall(command, name)
  return type(reply) == 'number' and reply or 0
end

local function oldest(queue)
  local first = redis.pcall('LINDEX', key('queue', queue), 0)
  local job = type(first) == 'string' and fields(first, 'enqueued_at')
  return job and job[1] or ''
end

local replies = {}
for _, name in ipairs(redis.call('SMEMBERS', key('queues'))) do
  local queue = string.sub(name, #PREFIX + 8)
  local row = { queue, card('LLEN', name) }
  for _, registry in ipairs({ 'wip', 'scheduled', 'deferred', 'finished', 'failed', 'canceled' }) do
    row[#row + 1] = card('ZCARD', key(registry, queue))
  end
  row[#row + 1] = card('SCARD', key('workers', queue))
  row[#row + 1] = oldest(queue)
  row[#row + 1] = redis.call('HGETALL', yard('counters', queue))
  replies[#replies + 1] = row
end
return replies
