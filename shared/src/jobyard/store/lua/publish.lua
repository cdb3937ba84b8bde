-- publish: tasks that a process has, for the API to check against.
-- KEYS none  ARGV prefix, then n × (name, JSON of the rest)
-- Returns how many.

expect('set', yard('tasks'))
for i = 2, #ARGV, 2 do expect('hash', yard('task', ARGV[i])) end
for i = 2, #ARGV, 2 do
  redis.call('SADD', yard('tasks'), ARGV[i])
  redis.call('HSET', yard('task', ARGV[i]), 'record', ARGV[i + 1], 'published_at', iso(NOW))
end
return (#ARGV - 1) / 2
