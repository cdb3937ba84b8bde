-- progress: what a running task says of itself, only while it owns the job. Whoever follows the job
-- is told, but not more often than every so many ms: the worker sends a value again that was not told.
-- KEYS none  ARGV prefix, id, token, JSON
-- Returns told | kept (it is stored, and nobody was told) | stale (another token owns the job).

local id, value = ARGV[2], ARGV[4]
local PAUSE, MOST = 400, 512 -- ms between two events of a job; bytes of a value that an event holds
local job = fields(id, 'token', 'status', 'origin', 'progress', 'told_at')
if not job or job[1] ~= ARGV[3] or job[2] ~= 'started' then return 'stale' end
local queue, told_at = job[3] or 'default', tonumber(job[5] or '') or 0 -- below 0: the value was not told
if job[4] == value and told_at > 0 then return 'told' end
guard(queue, 'running')
if math.abs(NOW - math.abs(told_at)) < PAUSE then
  redis.call('HSET', key('job', id), 'progress', value, 'told_at', -math.abs(told_at))
  return 'kept'
end
redis.call('HSET', key('job', id), 'progress', value, 'told_at', NOW)
event(queue, id, #value <= MOST and 'progress ' .. value or 'progress')
flush()
return 'told'
