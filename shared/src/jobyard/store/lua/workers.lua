-- workers: every registered worker, as RQ's hash of it and ours. Changes nothing.
-- KEYS none  ARGV prefix
-- Returns a list a worker: name, RQ's hash (flat), pool, slots, what it holds.

local replies = {}
for _, name in ipairs(redis.call('SMEMBERS', key('workers'))) do
  local hash = redis.call('HGETALL', name)
  if #hash > 0 then
    local worker = string.sub(name, #PREFIX + 9)
    local about = redis.call('HMGET', yard('worker', worker), 'pool', 'slots')
    replies[#replies + 1] = { worker, hash, about[1] or '', about[2] or '0',
      redis.call('HLEN', yard('held', worker)) }
  end
end
return replies
