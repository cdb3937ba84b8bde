-- watch: the present state of a job, and the place in its queue's event stream that this state is of:
-- who follows the stream from there on misses no change and sees none twice. Changes nothing.
-- KEYS none  ARGV prefix, id, tenant (whose job it must be; '' for anybody's)
-- Returns '' when there is no such job, else now (ms), queue, status, attempts, cancel, expired, task,
-- progress, place.

local job = is_of(ARGV[2], ARGV[3])
  and fields(ARGV[2], 'origin', 'status', 'attempts', 'cancel', 'expired', 'task', 'progress')
if not job or not job[2] then return '' end
local reply, stream = { NOW }, yard('events', job[1] or 'default')
for i = 1, 7 do reply[i + 1] = job[i] or '' end
reply[9] = '0-0'
if redis.call('TYPE', stream).ok == 'stream' then
  local rows = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  if rows[1] then reply[9] = rows[1][1] end
end
return reply
