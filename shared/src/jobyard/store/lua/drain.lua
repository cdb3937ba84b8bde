-- drain: asks a worker to stop: it claims no more, finishes what runs and leaves. It finds this in its
-- mail, with each renewal until it is gone. RQ's own workers are told in RQ's way (rq.command).
-- KEYS none  ARGV prefix, worker
-- Returns 1, or 0 when there is no such worker.

local worker = ARGV[2]
expect('zset', yard('lease'))
expect('hash', yard('mail', worker))
if redis.call('ZSCORE', yard('lease'), worker) then
  redis.call('HSET', yard('mail', worker), 'drain', '1')
  return 1
end
if redis.call('EXISTS', key('worker', worker)) == 0 then return 0 end
redis.call('PUBLISH', key('pubsub', worker), '{"command": "shutdown"}')
return 1
