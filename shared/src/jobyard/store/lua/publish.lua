-- publish: tasks that a process has, for the API to check against, and their queues. Versions of a task
-- stand side by side; those that no living worker has are forgotten when a worker brings another one.
-- KEYS none  ARGV prefix, worker ('' = an API), release (which tasks in which versions it has), then
-- n × (name, queue, version, JSON of the whole)
-- Returns how many.

local worker, release = ARGV[2], ARGV[3]
local by = worker == '' and 'api' or 'worker'
expect('set', yard('tasks'))
expect('set', key('queues'))
expect('zset', yard('lease'))
if by == 'worker' then expect('hash', yard('worker', worker)) end
for i = 4, #ARGV, 4 do expect('hash', yard('task', ARGV[i])) end

local function forget(task, version)
  redis.call('HDEL', yard('task', task), 'record:' .. version, 'since:' .. version, 'by:' .. version,
    'releases:' .. version)
end

-- Those of the releases that live, and this one: more are of no use to anybody.
local function releases_with(known)
  local kept = ''
  for name in string.gmatch(known or '', '%S+') do
    if name ~= release and living()[name] then kept = kept .. name .. ' ' end
  end
  return kept .. release .. ' '
end

local function publish(task, queue, version, record)
  local hash = hash_of(task)
  if by == 'api' and hash['by:' .. version] == 'worker' then return end
  if by == 'worker' then
    for _, other in ipairs(versions_of(hash)) do
      if other.name ~= version and not other.served then forget(task, other.name) end
    end
    redis.call('HSET', yard('task', task), 'releases:' .. version, releases_with(hash['releases:' .. version]))
  end
  redis.call('SADD', yard('tasks'), task)
  redis.call('SADD', key('queues'), key('queue', queue))
  redis.call('HSETNX', yard('task', task), 'since:' .. version, string.format('%.0f', NOW_US))
  redis.call('HSET', yard('task', task), 'record:' .. version, record, 'by:' .. version, by)
  hash = hash_of(task)
  redis.call('HSET', yard('task', task), 'record', hash['record:' .. versions_of(hash)[1].name])
end

if by == 'worker' and redis.call('ZSCORE', yard('lease'), worker) then
  redis.call('HSET', yard('worker', worker), 'release', release)
end
for i = 4, #ARGV, 4 do publish(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) end
return (#ARGV - 3) / 4
