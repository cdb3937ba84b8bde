-- The audit log, for the scripts that change who may do what: the entry is written in the same step.
-- Bounded by length and by time. An entry is: m, then m × field/value, the first of which is its id.

local AUDIT_LENGTH, AUDIT_WINDOW = 100000, 90 * 86400 * 1000 -- entries, ms

local function guard_audit(at)
  expect('stream', yard('audit'))
  expect('string', yard('audited', ARGV[at + 2]))
end

-- A call that is sent twice within a minute is made once, and its entry is there once.
local function was_noted(at) return redis.call('EXISTS', yard('audited', ARGV[at + 2])) == 1 end
local function note(at)
  if not redis.call('SET', yard('audited', ARGV[at + 2]), '1', 'NX', 'EX', 60) then return end
  redis.call('XADD', yard('audit'), 'MAXLEN', '~', AUDIT_LENGTH, '*',
    unpack(ARGV, at + 1, at + tonumber(ARGV[at])))
  redis.call('XTRIM', yard('audit'), 'MINID', '~', NOW - AUDIT_WINDOW)
end

-- Every process that keeps something of it in memory forgets it when this number changes.
local function guard_access() expect('hash', yard('access')) end
local function changed() bump(yard('access'), 'version', 1) end
