-- queues: depths and counts of every queue, each in constant time. Changes nothing.
-- KEYS none  ARGV prefix
-- Returns now (ms), then a list a queue: name, queued, running, scheduled, blocked, succeeded, failed,
-- canceled, workers, enqueued_at of the oldest waiting job or '', 1 when paused, jobs of the last
-- minute that came and that were worked off (text), counters (flat).

-- Six counts of ten seconds and the one that goes on; of the first only what the minute still covers.
local function counts_of(queue)
  local flat, totals, lately = redis.pcall('HGETALL', yard('counters', queue)), {}, { ['in'] = 0, out = 0 }
  local rest = 1 - NOW % 10000 / 10000
  for i = 1, #flat, 2 do
    local way, bucket = string.match(flat[i], '^(%l+):(%d+)$')
    local age = bucket and BUCKET - tonumber(bucket)
    if not age then totals[#totals + 1], totals[#totals + 2] = flat[i], flat[i + 1]
    elseif lately[way] and age >= 0 and age <= 6 then
      lately[way] = lately[way] + (age == 6 and rest or 1) * (tonumber(flat[i + 1]) or 0)
    end
  end
  return totals, string.format('%.3f', lately['in']), string.format('%.3f', lately.out)
end

local replies = { string.format('%.0f', NOW) }
for _, name in ipairs(redis.call('SMEMBERS', key('queues'))) do
  local row = depths_of(string.sub(name, #PREFIX + 8))
  local totals, came, went = counts_of(row[1])
  row[#row + 1], row[#row + 2], row[#row + 3] = came, went, totals
  replies[#replies + 1] = row
end
return replies
