-- admit: submit, for jobs that may be refused, or that go together: those with a unique key, of a tenant
-- with a quota, or in queues of a limited depth. All types are checked before a write.
-- KEYS none  ARGV prefix, together (1: all are stored or none), depth (jobs that may wait in a queue;
-- '' for any number), n, then n × job as storing.lua has it
-- Returns n × (outcome id status) as submit does; more outcomes: existing, taken (its unique key; the id
-- is the holder's) | full (its queue) | quota (its tenant) | withheld (another one of those that are
-- stored together was refused).

AFTER = tend_all
local starts, at = {}, 5
for i = 1, tonumber(ARGV[4]) do
  starts[i] = at
  at = guard_new(at)
  guard_replaced(starts[i])
end

-- A job of this very call that is replaced has not been pushed yet.
local written = {}
local function replace(id)
  if written[id] then flush_later() end
  withdraw(id, (fields(id, 'origin') or {})[1] or 'default')
end

local function submit(at)
  local outcome, id, replaced = judge(at)
  if replaced then replace(replaced) end
  if outcome == 'existing' then remember_answer(at, id) end
  if outcome ~= 'created' then return outcome, id, (fields(id, 'status') or {})[1] or '' end
  written[id] = true
  return outcome, id, write_new(at)
end

local replies = {}
local function reply(outcome, id, status)
  local last = #replies
  replies[last + 1], replies[last + 2], replies[last + 3] = outcome, id, status
end

if ARGV[2] == '1' then
  local outcomes, good = outcomes_together(starts)
  if not good then
    for i, at in ipairs(starts) do
      local outcome = outcomes[i][1]
      reply(REFUSED[outcome] and outcome or 'withheld', REFUSED[outcome] and outcomes[i][2] or ARGV[at], '')
    end
    return replies
  end
end
for _, at in ipairs(starts) do reply(submit(at)) end
flush()
return replies
