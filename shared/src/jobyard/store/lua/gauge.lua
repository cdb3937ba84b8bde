-- gauge: what operators watch of all queues and pools and of the server, so many commands a queue and a
-- worker, however many jobs there are. Changes nothing.
-- KEYS none  ARGV prefix
-- Returns now (ms), the server's INFO or '' where it may not be asked, unreadable records, then n × queue
-- (as depths.lua has it, and how many of its jobs were rescued ever) and n × pool: its name, workers, busy
-- workers, slots, busy slots.

local info = redis.pcall('INFO', 'memory', 'clients', 'stats', 'errorstats')
local pools, names = {}, members(yard('pools'))
for i, name in ipairs(names) do pools[i] = { name, 0, 0, 0, card('ZCARD', yard('busy', name)) } end
local places = {}
for i, name in ipairs(names) do places[name] = pools[i] end

-- A lease that has run out is of a worker that is gone, and not reaped yet.
local leases = redis.pcall('ZRANGEBYSCORE', yard('lease'), NOW, '+inf')
for _, worker in ipairs(leases.err and {} or leases) do
  local about = redis.pcall('HMGET', yard('worker', worker), 'pool', 'slots', 'busy')
  local pool = places[about[1] or '']
  if pool then
    pool[2], pool[4] = pool[2] + 1, pool[4] + (whole_number(about[2]) or 0)
    if (whole_number(about[3]) or 0) > 0 then pool[3] = pool[3] + 1 end
  end
end

local queues = {}
for i, name in ipairs(members(key('queues'))) do
  local row = depths_of(string.sub(name, #PREFIX + 8))
  local rescued = redis.pcall('HGET', yard('counters', row[1]), 'rescued')
  row[#row + 1] = type(rescued) == 'string' and rescued or ''
  queues[i] = row
end
return { string.format('%.0f', NOW), type(info) == 'string' and info or '',
  card('HLEN', yard('dead', 'unreadable')), queues, pools }
