-- join: a worker's first word. Makes its lease and says which pool and slots it is, and its queues.
-- A name that still holds something (a reaped worker's) keeps it: the reaper gives it back.
-- KEYS none  ARGV prefix, worker, pool, slots, lease-ms, n × queue
-- Returns 'ok'.

local worker = ARGV[2]
expect('zset', yard('lease'))
expect('hash', yard('worker', worker))
expect('set', yard('pools'))
expect('set', key('queues'))
redis.call('ZADD', yard('lease'), NOW + tonumber(ARGV[5]), worker)
redis.call('HSET', yard('worker', worker), 'pool', ARGV[3], 'slots', ARGV[4])
redis.call('SADD', yard('pools'), ARGV[3])
for i = 6, #ARGV do redis.call('SADD', key('queues'), key('queue', ARGV[i])) end
return 'ok'
