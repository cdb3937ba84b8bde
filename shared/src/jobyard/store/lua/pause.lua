-- pause: from now on nothing is claimed from a queue, or again. What runs goes on, and jobs still come
-- in. Bells are rung for what waits when it goes on.
-- KEYS none  ARGV prefix, queue, 1 (pause) | 0 (resume)
-- Returns 1, or 0 when no such queue is known.

local queue, paused = ARGV[2], ARGV[3] == '1'
expect('set', yard('paused'))
expect('set', key('queues'))
expect('list', key('queue', queue))
expect('list', yard('bell', queue))
if redis.call('SISMEMBER', key('queues'), key('queue', queue)) == 0 then return 0 end
if redis.call(paused and 'SADD' or 'SREM', yard('paused'), queue) == 1 and not paused then
  ring(queue, redis.call('LLEN', key('queue', queue)))
end
return 1
