-- pause: from now on nothing is claimed from a queue and its lanes, or again. What runs goes on, and jobs
-- still come in. The bell is rung for what waits when it goes on.
-- KEYS none  ARGV prefix, queue, 1 (pause) | 0 (resume)
-- Returns 1, or 0 when no such queue is known.

local queue, paused = ARGV[2], ARGV[3] == '1'
expect('set', yard('paused'))
expect('set', key('queues'))
expect('list', yard('bell', queue))
local known, waiting = false, 0
for _, lane in ipairs({ '.high', '', '.low' }) do
  if expect('list', key('queue', queue .. lane)) then
    waiting = waiting + redis.call('LLEN', key('queue', queue .. lane))
  end
  known = known or redis.call('SISMEMBER', key('queues'), key('queue', queue .. lane)) == 1
end
if not known then return 0 end
if redis.call(paused and 'SADD' or 'SREM', yard('paused'), queue) == 1 and not paused then
  ring(queue, waiting)
end
return 1
