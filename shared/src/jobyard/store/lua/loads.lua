-- loads: what each pool has to do, in a few constant-time commands a queue. Changes nothing.
-- Lanes of a queue are added up. What waits in a paused queue is apart: no worker may take it.
-- KEYS none  ARGV prefix, number of pools, then for each: pool, n, n × queue
-- Returns for each pool, in order: queued, paused, claimed, busy slots.

local function card(command, name, member)
  local reply = member and redis.pcall(command, name, member) or redis.pcall(command, name)
  return type(reply) == 'number' and reply or 0
end

local function in_lanes(command, kind, queue)
  local sum = 0
  for _, lane in ipairs({ queue .. '.high', queue, queue .. '.low' }) do
    sum = sum + card(command, key(kind, lane))
  end
  return sum
end

local replies, at = {}, 3
for _ = 1, tonumber(ARGV[2]) do
  local queued, paused, claimed = 0, 0, 0
  for i = at + 2, at + 1 + tonumber(ARGV[at + 1]) do
    local waiting = in_lanes('LLEN', 'queue', ARGV[i])
    if card('SISMEMBER', yard('paused'), ARGV[i]) == 1 then paused = paused + waiting
    else queued = queued + waiting end
    claimed = claimed + in_lanes('ZCARD', 'wip', ARGV[i])
  end
  replies[#replies + 1] = { queued, paused, claimed, card('ZCARD', yard('busy', ARGV[at])) }
  at = at + 2 + tonumber(ARGV[at + 1])
end
return replies
