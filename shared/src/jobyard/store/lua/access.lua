-- access: whether keys are in use, and the number that changes when somebody may do less. Reads only.
-- KEYS none  ARGV prefix
-- Returns version or '', since when keys are in use (ms) or ''.

local found = redis.call('HMGET', yard('access'), 'version', 'closed')
return { found[1] or '', found[2] or '' }
