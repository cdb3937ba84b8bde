-- replay: what happened after places in the event streams of queues. Changes nothing.
-- KEYS none  ARGV prefix, most (entries of each stream), n, n × (queue place)
-- Returns n × entries, as XRANGE has them; the first is that of the place itself, where it is still there.

local replies = {}
for i = 4, 3 + 2 * tonumber(ARGV[3]), 2 do
  local stream, rows = yard('events', ARGV[i]), {}
  if redis.call('TYPE', stream).ok == 'stream' then
    rows = redis.call('XRANGE', stream, ARGV[i + 1], '+', 'COUNT', ARGV[2])
  end
  replies[#replies + 1] = rows
end
return replies
