-- workers: registered workers, as RQ's hash of each and ours, and what they do. Changes nothing.
-- KEYS none  ARGV prefix, most jobs to show of each, tenant whose jobs are shown ('' = all), n × name
-- (none: all workers)
-- Returns a list a worker: name, RQ's hash (flat), pool, slots, busy slots or '', what it holds, 1 when
-- it was asked to drain, then id, task, queue, started_at of each job in its hands.

local most, tenant = tonumber(ARGV[2]), ARGV[3]

local function number(...)
  local reply = redis.pcall(...)
  return type(reply) == 'number' and reply or 0
end

local function show(row, id, queue)
  local job = fields(id, 'task', 'started_at', 'tenant', 'status')
  if not job or job[4] ~= 'started' or (tenant ~= '' and job[3] ~= tenant) then return end
  row[#row + 1], row[#row + 2] = id, job[1] or ''
  row[#row + 1], row[#row + 2] = queue or '', job[2] or ''
end

-- RQ's own workers hold nothing of ours: their hash says what they do.
local function show_held(row, worker, hash)
  if most == 0 then return end
  local held = redis.pcall('HGETALL', yard('held', worker))
  for i = 1, math.min(#held, most * 2), 2 do
    show(row, string.match(held[i], '^(.*):[^:]*$') or held[i], held[i + 1])
  end
  if #held > 0 then return end
  for i = 1, #hash, 2 do
    if hash[i] == 'current_job' then
      local job = fields(hash[i + 1], 'origin')
      show(row, hash[i + 1], job and job[1])
    end
  end
end

local function all()
  local names = {}
  for _, name in ipairs(redis.call('SMEMBERS', key('workers'))) do
    names[#names + 1] = string.sub(name, #PREFIX + 9)
  end
  return names
end

local replies = {}
for _, worker in ipairs(#ARGV > 3 and { unpack(ARGV, 4) } or all()) do
  local hash = redis.pcall('HGETALL', key('worker', worker))
  if #hash > 0 then
    local about = redis.pcall('HMGET', yard('worker', worker), 'pool', 'slots', 'busy')
    local row = { worker, hash, about[1] or '', about[2] or '0', about[3] or '',
      number('HLEN', yard('held', worker)), number('HEXISTS', yard('mail', worker), 'drain') }
    show_held(row, worker, hash)
    replies[#replies + 1] = row
  end
end
return replies
