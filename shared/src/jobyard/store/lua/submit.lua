-- submit: stores jobs and makes them ready, or due later. All types are checked before a write.
-- Closes W9 (an id is stored once, however often the call is sent) and the idempotency race.
-- KEYS none  ARGV prefix, n, then n × job as storing.lua has it
-- Returns n × (outcome id state); outcome: created | exists | replayed | conflict.

local at = 3
for _ = 1, tonumber(ARGV[2]) do at = guard_new(at) end

local replies = {}
at = 3
for _ = 1, tonumber(ARGV[2]) do
  local outcome, id, state
  outcome, id, state, at = store_new(at)
  if state == '' then
    local stored = fields(id, 'status')
    state = stored and stored[1] or ''
  end
  replies[#replies + 1] = outcome
  replies[#replies + 1] = id
  replies[#replies + 1] = state or ''
end
flush()
return replies
