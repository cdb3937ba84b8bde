-- submit: stores jobs and makes them ready, or due later. All types are checked before a write.
-- Closes W9 (an id is stored once, however often the call is sent) and the idempotency race.
-- KEYS none  ARGV prefix, n, then n × job as storing.lua has it
-- Returns n × (outcome id status); outcome: created | exists (this very job) | replayed, conflict (its
-- idempotency key; the id is that of the first job).

local at, replies = 3, {}
for _ = 1, tonumber(ARGV[2]) do at = guard_new(at) end

at = 3
for i = 1, 3 * tonumber(ARGV[2]), 3 do
  local outcome, id, status = store_new(at)
  if status == '' then status = (fields(id, 'status') or {})[1] or '' end
  replies[i], replies[i + 1], replies[i + 2] = outcome, id, status
  at = after_new(at)
end
flush()
return replies
