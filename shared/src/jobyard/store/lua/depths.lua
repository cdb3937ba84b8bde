-- depths: how much is in a queue, each number in constant time. A part of queues and gauge.

local function card(command, name)
  local reply = redis.pcall(command, name)
  return type(reply) == 'number' and reply or 0
end

-- What workers gave back stands at the head, as if it had come just now: behind it is what has waited
-- longest. The first job that nobody has had in hand yet ends the search, as do so many looks.
local LOOKS = 16
local function oldest(queue)
  local found = ''
  for place = 0, LOOKS - 1 do
    local id = redis.pcall('LINDEX', key('queue', queue), place)
    if type(id) ~= 'string' then break end
    local job = fields(id, 'enqueued_at', 'deliveries', 'status')
    if job and job[3] == 'queued' then
      if job[1] and (found == '' or job[1] < found) then found = job[1] end
      if not job[2] then break end
    end
  end
  return found
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
