-- published: every task in the catalogue. Changes nothing.
-- KEYS none  ARGV prefix
-- Returns n × JSON.

local replies = {}
for _, name in ipairs(redis.call('SMEMBERS', yard('tasks'))) do
  replies[#replies + 1] = redis.call('HGET', yard('task', name), 'record') or nil
end
return replies
