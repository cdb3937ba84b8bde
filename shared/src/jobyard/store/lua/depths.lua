-- depths: how much is in a queue, each number in constant time. A part of queues and gauge.

local function card(command, name)
  local reply = redis.pcall(command, name)
  return type(reply) == 'number' and reply or 0
end

local function oldest(queue)
  local first = redis.pcall('LINDEX', key('queue', queue), 0)
  local job = type(first) == 'string' and fields(first, 'enqueued_at')
  return job and job[1] or ''
end

local function members(name)
  local found = redis.pcall('SMEMBERS', name)
  return found.err and {} or found
end

local paused = {}
for _, name in ipairs(members(yard('paused'))) do paused[name] = 1 end

-- A list a queue: name, queued, running, scheduled, blocked, succeeded, failed, canceled, workers,
-- enqueued_at of the oldest waiting job or '', 1 when paused, as lanes are with their queue.
local function depths_of(queue)
  local row = { queue, card('LLEN', key('queue', queue)) }
  for _, registry in ipairs({ 'wip', 'scheduled', 'deferred', 'finished', 'failed', 'canceled' }) do
    row[#row + 1] = card('ZCARD', key(registry, queue))
  end
  row[#row + 1] = card('SCARD', key('workers', queue))
  row[#row + 1] = row[2] > 0 and oldest(queue) or ''
  row[#row + 1] = paused[base_of(queue)] or 0
  return row
end
