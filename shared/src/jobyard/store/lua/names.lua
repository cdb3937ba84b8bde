-- names: the queues that there are. Changes nothing.
-- KEYS none  ARGV prefix
-- Returns n × queue.

local replies = {}
if redis.call('TYPE', key('queues')).ok == 'set' then
  for i, name in ipairs(redis.call('SMEMBERS', key('queues'))) do
    replies[i] = string.sub(name, #PREFIX + 8)
  end
end
return replies
